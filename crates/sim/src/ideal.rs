//! Ideal sharing: how fast each of those that are runnable would run if all ran at once.
//!
//! What belongs here: the speeds at one moment. What does not: adding them up over time.

/// The speeds, in cores, of threads with these weights on `cores` cores: in proportion to the weights,
/// but at most 1 each, and what that leaves goes to the others. `order` is room to sort in.
pub(crate) fn speeds(weights: &[f64], cores: usize, order: &mut Vec<usize>, out: &mut Vec<f64>) {
    out.clear();
    out.resize(weights.len(), 0.0);
    order.clear();
    order.extend((0..weights.len()).filter(|&i| weights[i] > 0.0));
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let mut left = cores as f64;
    let mut total: f64 = order.iter().map(|&i| weights[i]).sum();
    for &i in &*order {
        // Once one gets less than a whole core, so do all lighter ones, and the rest is in proportion.
        let speed = (left * weights[i] / total).min(1.0);
        out[i] = speed;
        left -= speed;
        total -= weights[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(weights: &[f64], cores: usize) -> Vec<f64> {
        let mut out = Vec::new();
        speeds(weights, cores, &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn one_core_is_shared_by_weight() {
        assert_eq!(of(&[1.0, 3.0], 1), [0.25, 0.75]);
    }

    #[test]
    fn nobody_is_faster_than_a_core() {
        assert_eq!(of(&[1.0, 8.0, 1.0], 2), [0.5, 1.0, 0.5]);
        assert_eq!(of(&[1.0, 8.0], 4), [1.0, 1.0]);
    }

    #[test]
    fn who_wants_nothing_gets_nothing() {
        assert_eq!(of(&[0.0, 1.0], 1), [0.0, 1.0]);
        assert_eq!(of(&[1.0, 1.0], 0), [0.0, 0.0]);
        assert!(of(&[], 1).is_empty());
    }
}
