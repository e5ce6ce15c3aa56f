//! Rows that go left before those that go right.

#[cfg(target_arch = "x86_64")]
mod vectors;

/// Moves the rows whose code goes left to the front of `rows`, and copies the others to the front of `spare`, both in their
/// order; gives the number of the first. What is behind them, in both, has no meaning.
///
/// # Panics
/// When `spare` is shorter than `rows`, or there is no code for a row.
pub fn part(rows: &mut [u32], codes: &[u8], goes_left: &[bool; 256], spare: &mut [u32]) -> usize {
    assert!(spare.len() >= rows.len(), "there must be room for all rows");
    #[cfg(target_arch = "x86_64")]
    if vectors::fits()
        && let Some(run) = Run::of(goes_left)
    {
        return vectors::part(rows, codes, run, spare);
    }
    one_by_one(rows, codes, |code| goes_left[usize::from(code)], spare, 0, (0, 0))
}

/// Codes one after the other; 0 comes after 255.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u8,
    /// How many follow the first.
    span: u8,
}

impl Run {
    /// `None` where the codes are no run, or there are none.
    fn of(codes: &[bool; 256]) -> Option<Self> {
        let begins = |code: u8| codes[usize::from(code)] && !codes[usize::from(code.wrapping_sub(1))];
        let first = (0..=u8::MAX).find(|&code| begins(code)).or(codes[0].then_some(0))?;
        let n = codes.iter().filter(|holds| **holds).count();
        let run = Run { first, span: (n - 1) as u8 };
        (0..=u8::MAX).all(|code| codes[usize::from(code)] == run.holds(code)).then_some(run)
    }

    fn holds(self, code: u8) -> bool {
        code.wrapping_sub(self.first) <= self.span
    }
}

/// Parts the rows from `start` on, of those before which `n_left` and `n_right` were found.
fn one_by_one(
    rows: &mut [u32],
    codes: &[u8],
    goes_left: impl Fn(u8) -> bool,
    spare: &mut [u32],
    start: usize,
    (mut n_left, mut n_right): (usize, usize),
) -> usize {
    for place in start..rows.len() {
        // Both are written and one counts: which one is too hard to foresee for a branch.
        let row = rows[place];
        let left = goes_left(codes[row as usize]);
        rows[n_left] = row;
        spare[n_right] = row;
        n_left += usize::from(left);
        n_right += usize::from(!left);
    }
    n_left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn parts_keep_the_order() {
        let mut random = Random::new(2);
        let codes: Vec<u8> = (0..5000).map(|_| random.below(256) as u8).collect();
        let mut sets: Vec<[bool; 256]> = vec![[false; 256], [true; 256]];
        for (first, last) in [(0, 0), (0, 100), (0, 254), (255, 255), (7, 9), (128, 255)] {
            let mut set = [false; 256];
            set[first..=last].fill(true);
            sets.push(set);
            // Missing values go the other way.
            set[255] = !set[255];
            sets.push(set);
        }
        sets.push(std::array::from_fn(|_| random.below(2) == 0));
        for set in &sets {
            for n in [0, 1, 15, 16, 17, 40, 1000, 5000] {
                let mut rows: Vec<u32> = (0..5000).collect();
                random.shuffle(&mut rows);
                rows.truncate(n);
                let left = |row: &u32| set[usize::from(codes[*row as usize])];
                let (lefts, rights): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| left(row));
                let mut spare = vec![0; n];
                let n_left = part(&mut rows, &codes, set, &mut spare);
                assert_eq!((&rows[..n_left], &spare[..n - n_left]), (&lefts[..], &rights[..]));
            }
        }
    }

    #[test]
    fn runs_go_round() {
        let holds = |codes: &[usize]| std::array::from_fn(|code| codes.contains(&code));
        assert!(Run::of(&holds(&[])).is_none() && Run::of(&holds(&[1, 3])).is_none());
        for codes in [vec![0, 1, 255], vec![255], vec![4, 5, 6], vec![0], (0..256).collect()] {
            let run = Run::of(&holds(&codes)).unwrap();
            assert_eq!((0..256).filter(|&code| run.holds(code as u8)).collect::<Vec<_>>(), codes);
        }
    }
}
