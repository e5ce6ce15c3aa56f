//! S: a model that was saved and loaded is the same model.

use perennial_numeric::random::Random;

use crate::subject::{Checks, Subject, Task, Testable, Verdict, ensure, same_bits};

pub(crate) fn checks<E: Testable, T: Task<E>>() -> Checks<E, T> {
    vec![
        ("S01", "a loaded model gives the same bits, and saves to the same bytes", round_trip),
        ("S02", "damaged bytes are an error or another sound model, and never a panic", damaged),
    ]
}

fn round_trip<E: Testable, T: Task<E>>(subject: &Subject<'_, E, T>) -> Verdict {
    let example = subject.example();
    let model = subject.fit(&example)?;
    let bytes = subject.bytes(&model)?;
    let loaded = subject.estimator.decode(&bytes)?;
    let (right, again) = (subject.apply(&model, &example.x)?, subject.apply(&loaded, &example.x)?);
    ensure!(same_bits(&right, &again), "the loaded model gives other answers");
    ensure!(bytes == subject.bytes(&loaded)?, "the loaded model saves to other bytes");
    Ok(())
}

/// The artifact around these bytes has a checksum; here, without one, what can still be read must be sound.
fn damaged<E: Testable, T: Task<E>>(subject: &Subject<'_, E, T>) -> Verdict {
    let example = subject.example();
    let bytes = subject.bytes(&subject.fit(&example)?)?;
    let mut random = Random::new(17);
    for _ in 0..200.min(bytes.len()) {
        let cut = random.below(bytes.len());
        ensure!(
            subject.estimator.decode(&bytes[..cut]).is_err(),
            "a model cut to {cut} of {} bytes was loaded",
            bytes.len()
        );
    }
    for _ in 0..500 {
        let mut damaged = bytes.clone();
        let place = random.below(bytes.len());
        damaged[place] ^= 1 << random.below(8);
        if let Ok(model) = subject.estimator.decode(&damaged) {
            // Any answer or error will do; a panic or a hang will not.
            let _ = subject.apply(&model, &example.x);
        }
    }
    Ok(())
}
