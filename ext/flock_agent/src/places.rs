//! Places for what callers hold open: so many in all, and so many of one caller, that nobody takes all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flock_core::holder::Holder;

/// Places; cheap to clone.
#[derive(Clone)]
pub(crate) struct Places(Arc<Inner>);

struct Inner {
    all: usize,
    of_caller: usize,
    taken: Mutex<HashMap<Holder, usize>>,
}

/// One that is taken; free again when it is dropped.
pub(crate) struct Place {
    places: Places,
    from: Holder,
}

impl Places {
    /// `all` in all, `of_caller` of them for one caller.
    pub fn new(all: usize, of_caller: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            of_caller,
            taken: Mutex::default(),
        }))
    }

    /// One for `from`; `None` = there is none left.
    pub fn take(&self, from: &Holder) -> Option<Place> {
        let mut taken = self.taken();
        let of_caller = taken.get(from).copied().unwrap_or_default();
        if of_caller >= self.0.of_caller || taken.values().sum::<usize>() >= self.0.all {
            return None;
        }
        *taken.entry(from.clone()).or_default() += 1;
        Some(Place {
            places: self.clone(),
            from: from.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.from) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_and_what_is_given_back_can_be_taken() {
        let places = Places::new(3, 2);
        let take = |from: &str| places.take(&Holder::parse(from).unwrap());
        let (first, _second) = (take("x").unwrap(), take("x").unwrap());
        assert!(take("x").is_none(), "x has its share");
        let third = take("y").unwrap();
        assert!(take("z").is_none(), "all are taken");
        drop(third);
        assert!(take("x").is_none(), "x has its share still");
        drop(first);
        assert!(take("x").is_some() && take("z").is_some());
    }
}
