//! Folds for steps that learn from what others say of rows they have not seen.

use crate::random::Random;

/// The fold of each row: classes (or any other strata) spread evenly, groups whole.
///
/// ```
/// let folds = perennial_numeric::folds::assign(6, 3, None, Some(&[7, 7, 8, 8, 9, 9]), 1);
/// assert!(folds[0] == folds[1] && folds[1] != folds[2]);
/// ```
///
/// # Panics
/// When there are no folds, or not as many strata or groups as rows.
pub fn assign(
    n_rows: usize,
    n_folds: usize,
    strata: Option<&[u32]>,
    groups: Option<&[u32]>,
    seed: u64,
) -> Vec<usize> {
    let mut random = Random::new(seed);
    if let Some(groups) = groups {
        let mut names: Vec<u32> = groups.to_vec();
        names.sort_unstable();
        names.dedup();
        let places: Vec<usize> =
            groups.iter().map(|group| names.partition_point(|name| name < group)).collect();
        let mut sizes = vec![0; names.len()];
        places.iter().for_each(|&place| sizes[place] += 1);
        // The largest groups first, those of one size in a random order, each into the fold that has fewest rows.
        let mut order = random.permutation(names.len());
        order.sort_by_key(|&place| std::cmp::Reverse(sizes[place]));
        let (mut filled, mut of_group) = (vec![0; n_folds], vec![0; names.len()]);
        for place in order {
            let least = (0..n_folds).min_by_key(|&fold| filled[fold]).unwrap_or(0);
            of_group[place] = least;
            filled[least] += sizes[place];
        }
        return places.into_iter().map(|place| of_group[place]).collect();
    }
    let mut fold = vec![0; n_rows];
    let mut order = random.permutation(n_rows);
    if let Some(strata) = strata {
        order.sort_by_key(|&row| strata[row]);
    }
    order.into_iter().enumerate().for_each(|(place, row)| fold[row] = place % n_folds);
    fold
}

#[cfg(test)]
mod tests {
    use super::assign;

    #[test]
    fn strata_are_spread_and_groups_stay_whole() {
        let strata: Vec<u32> = (0..20).map(|row| u32::from(row % 4 == 0)).collect();
        let folds = assign(20, 5, Some(&strata), None, 3);
        for fold in 0..5 {
            let rare = (0..20).filter(|&row| folds[row] == fold && strata[row] == 1).count();
            assert_eq!((rare, folds.iter().filter(|other| **other == fold).count()), (1, 4));
        }
        let groups: Vec<u32> = (0..20).map(|row| row / 3).collect();
        let folds = assign(20, 3, None, Some(&groups), 3);
        assert!((0..19).all(|row| groups[row] != groups[row + 1] || folds[row] == folds[row + 1]));
        assert!((0..3).all(|fold| folds.contains(&fold)));
    }
}
