//! L: long work stops when asked to.

use std::thread;
use std::time::{Duration, Instant};

use perennial_core::{CancelToken, Context, ErrorKind};

use crate::regression;
use crate::subject::{Checks, Subject, Verdict, ensure};

pub(crate) fn checks() -> Checks {
    vec![
        ("L01", "a fit stops soon after it is cancelled", cancelled),
        ("L02", "a fit under a token that is cancelled already does not start", before),
    ]
}

/// The bound is generous because the machine may be busy; work that ignores the token takes as long as it takes.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);
/// How long a fit goes on before it is cancelled.
pub(crate) const CANCEL_AFTER: Duration = Duration::from_millis(50);

fn cancelled(subject: &Subject<'_>) -> Verdict {
    let mut example = regression(subject.tags.most_rows, 10, 4);
    if subject.tags.positive_only {
        example = example.made_positive();
    }
    let token = CancelToken::new();
    let ctx = Context::new().with_cancel(token.clone());
    let (result, ended, asked) = thread::scope(|scope| {
        let clock = scope.spawn(move || {
            thread::sleep(CANCEL_AFTER);
            token.cancel();
            Instant::now()
        });
        let result = subject.fit_in(&example, ctx).err();
        (result, Instant::now(), clock.join())
    });
    // From when it was asked to: on a busy machine the clock may come late.
    let took = asked.as_ref().map_or(Duration::ZERO, |asked| ended.saturating_duration_since(*asked));
    ensure!(took < PATIENCE, "a fit that was cancelled went on for {took:?}");
    if let (Some(error), Ok(_)) = (result, asked) {
        ensure!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "a cancelled fit ended with: {error}");
    }
    Ok(())
}

fn before(subject: &Subject<'_>) -> Verdict {
    let token = CancelToken::new();
    token.cancel();
    let error = subject.fit_in(&subject.example(), Context::new().with_cancel(token)).err();
    let right = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Cancelled { .. }));
    ensure!(right, "a fit under a cancelled token gave {error:?}");
    Ok(())
}
