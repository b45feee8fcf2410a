//! Polynomial arithmetic over the scalar field of any suite. Node i holds the value at i + 1; the secret is at 0.
//!
//! Everything here works on public values, except [`Polynomial`], whose coefficients are secret.

use mellivora_core::NodeIndex;

/// A prime field.
pub(crate) trait Field: Copy {
    fn small(value: u64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// The inverse of a value that is not zero.
    fn inverse(self) -> Self;
    /// Overwrites the value in memory.
    fn wipe(&mut self);
}

/// The point at which a node's share is taken.
pub(crate) fn point<F: Field>(node: NodeIndex) -> F {
    F::small(u64::from(node.0) + 1)
}

/// A secret polynomial; overwritten when dropped.
pub(crate) struct Polynomial<F: Field>(Vec<F>);

impl<F: Field> Polynomial<F> {
    /// The polynomial with these coefficients, the constant first.
    pub(crate) fn new(coefficients: Vec<F>) -> Self {
        Polynomial(coefficients)
    }

    /// The secret: the value at 0.
    pub(crate) fn secret(&self) -> F {
        self.0.first().copied().unwrap_or(F::small(0))
    }

    /// The share of a node.
    pub(crate) fn share(&self, node: NodeIndex) -> F {
        evaluate(&self.0, point(node))
    }
}

impl<F: Field> Drop for Polynomial<F> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(F::wipe);
    }
}

fn evaluate<F: Field>(coefficients: &[F], x: F) -> F {
    coefficients.iter().rev().fold(F::small(0), |sum, &c| sum.mul(x).add(c))
}

/// Inverts all of `values` with one inversion. None may be zero.
fn invert_all<F: Field>(values: &mut [F]) {
    let mut product = F::small(1);
    let before: Vec<F> = values
        .iter()
        .map(|&value| {
            let so_far = product;
            product = product.mul(value);
            so_far
        })
        .collect();
    let mut rest = product.inverse();
    for (value, before) in values.iter_mut().zip(before).rev() {
        let inverse = rest.mul(before);
        rest = rest.mul(*value);
        *value = inverse;
    }
}

/// The coefficients that interpolate the value at 0 from the shares of these *distinct* nodes.
pub(crate) fn at_zero<F: Field>(nodes: &[NodeIndex]) -> Vec<F> {
    let xs: Vec<F> = nodes.iter().map(|&node| point(node)).collect();
    let product = xs.iter().fold(F::small(1), |product, &x| product.mul(x));
    // lambda_i = prod_j x_j / (x_i * prod_{j != i} (x_j - x_i))
    let mut lambdas: Vec<F> = xs
        .iter()
        .enumerate()
        .map(|(i, &xi)| {
            let others = xs.iter().enumerate().filter(|(j, _)| *j != i);
            others.fold(xi, |product, (_, &xj)| product.mul(xj.sub(xi)))
        })
        .collect();
    invert_all(&mut lambdas);
    lambdas.iter_mut().for_each(|lambda| *lambda = lambda.mul(product));
    lambdas
}

/// Weights for the values at 0, 1, ..., n whose weighted sum is zero if the values lie on a polynomial of at most
/// `degree`, and otherwise is zero with a chance of one in the size of the field, over the uniform `draw`.
///
/// Follows Cascudo and David, "SCRAPE: Scalable Randomness Attested by Public Entities" (2017), section 2.1: the
/// weights are a random word of the dual code.
pub(crate) fn low_degree_test<F: Field>(n: usize, degree: usize, draw: impl FnMut() -> F) -> Vec<F> {
    let coefficients: Vec<F> = std::iter::repeat_with(draw).take(n.saturating_sub(degree)).collect();
    let xs: Vec<F> = (0..=n as u64).map(F::small).collect();
    let mut weights: Vec<F> = xs
        .iter()
        .enumerate()
        .map(|(i, &xi)| {
            let others = xs.iter().enumerate().filter(|(j, _)| *j != i);
            others.fold(F::small(1), |product, (_, &xj)| product.mul(xi.sub(xj)))
        })
        .collect();
    invert_all(&mut weights);
    for (weight, x) in weights.iter_mut().zip(xs) {
        *weight = weight.mul(evaluate(&coefficients, x));
    }
    weights
}
