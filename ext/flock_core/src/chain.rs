//! Chains of notifications that cause one another, and the verdict that ends a loop.
