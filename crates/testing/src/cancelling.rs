//! L: long work stops when asked to.

use std::thread;
use std::time::{Duration, Instant};

use perennial_core::{CancelToken, Context, Error, ErrorKind};

use crate::regression;
use crate::subject::{Checks, Subject, Verdict, ensure, skip};

pub(crate) fn checks() -> Checks {
    vec![
        ("L01", "a fit stops soon after it is cancelled", cancelled),
        ("L02", "a fit under a token that is cancelled already does not start", before),
    ]
}

/// The bound is generous because the machine may be busy; work that ignores the token takes as long as it takes.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a fit goes on before it is cancelled.
const CANCEL_AFTER: Duration = Duration::from_millis(50);

fn cancelled(subject: &Subject<'_>) -> Verdict {
    let mut example = regression(subject.tags.most_rows, 10, 4);
    if subject.tags.positive_only {
        example = example.made_positive();
    }
    stops(|ctx| subject.fit_in(&example, ctx).err())
}

fn before(subject: &Subject<'_>) -> Verdict {
    does_not_start(|ctx| subject.fit_in(&subject.example(), ctx).err())
}

/// Whether a fit, which gives its error, ends soon after it is cancelled.
pub(crate) fn stops(fit: impl FnOnce(Context) -> Option<Error>) -> Verdict {
    let token = CancelToken::new();
    let ctx = Context::new().with_cancel(token.clone());
    let (result, ended, asked) = thread::scope(|scope| {
        let clock = scope.spawn(move || {
            thread::sleep(CANCEL_AFTER);
            token.cancel();
            Instant::now()
        });
        let result = fit(ctx);
        (result, Instant::now(), clock.join())
    });
    // From when it was asked to: on a busy machine the clock may come late.
    let Ok(asked) = asked else { return skip("the clock could not be waited for") };
    let took = ended.saturating_duration_since(asked);
    ensure!(took < PATIENCE, "a fit that was cancelled went on for {took:?}");
    if let Some(error) = result {
        ensure!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "a cancelled fit ended with: {error}");
    }
    Ok(())
}

/// Whether a fit under a token that is cancelled already is an error of that kind.
pub(crate) fn does_not_start(fit: impl FnOnce(Context) -> Option<Error>) -> Verdict {
    let token = CancelToken::new();
    token.cancel();
    let error = fit(Context::new().with_cancel(token));
    let right = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Cancelled { .. }));
    ensure!(right, "a fit under a cancelled token gave {error:?}");
    Ok(())
}
