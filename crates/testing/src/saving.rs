//! S: a model that was saved and loaded is the same model.

use perennial_numeric::random::Random;

use crate::subject::{Checks, Subject, Verdict, ensure, same_bits, skip};

pub(crate) fn checks() -> Checks {
    vec![
        ("S01", "a loaded model gives the same bits, and saves to the same bytes", round_trip),
        ("S02", "damaged bytes are an error or another sound model, and never a panic", damaged),
    ]
}

fn round_trip(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let model = subject.fit(&example)?;
    let bytes = model.bytes()?;
    let loaded = subject.decode(&bytes)?;
    let (right, again) = (model.apply(&example.x)?, loaded.apply(&example.x)?);
    ensure!(same_bits(&right, &again), "the loaded model gives other answers");
    ensure!(bytes == loaded.bytes()?, "the loaded model saves to other bytes");
    Ok(())
}

fn damaged(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let bytes = subject.fit(&example)?.bytes()?;
    damage(&bytes, |bytes| {
        let Ok(model) = subject.decode(bytes) else { return false };
        let _ = model.apply(&example.x);
        true
    })
}

/// Gives bytes that were cut or changed to `use_of`, which reads a model of them, uses it, and says whether it could be read. The artifact around such bytes has a checksum; here, without one,
/// what can still be read must be sound: any answer or error will do, and a panic or a hang will not.
pub(crate) fn damage(bytes: &[u8], use_of: impl Fn(&[u8]) -> bool) -> Verdict {
    if bytes.is_empty() {
        return skip("nothing is learned");
    }
    let mut random = Random::new(17);
    for _ in 0..200.min(bytes.len()) {
        let cut = random.below(bytes.len());
        ensure!(!use_of(&bytes[..cut]), "a model cut to {cut} of {} bytes was loaded", bytes.len());
    }
    for _ in 0..500 {
        let mut damaged = bytes.to_vec();
        let place = random.below(bytes.len());
        damaged[place] ^= 1 << random.below(8);
        use_of(&damaged);
    }
    Ok(())
}
