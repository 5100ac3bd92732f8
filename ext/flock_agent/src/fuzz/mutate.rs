//! Inputs from numbers: a valid input with a few things wrong, or noise.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// Largest input, in bytes: what is read here has limits of its own, which the sockets and files hold before.
const INPUT_BYTES: usize = 128 * 1024;
/// Numbers that lie about a length: the ends of the integers, as varint, as DER length and big-endian.
const LIES: [&[u8]; 9] = [
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    b"\x84\xff\xff\xff\xff",
    b"\x88\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x80",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
];
/// What texts choke on.
const WORDS: [&[u8]; 16] = [
    b"18446744073709551616",
    b"-1",
    b"1e999",
    b"null",
    b"{}",
    b"[]",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"%",
    b"%00",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"*",
    b"\n",
    b"\0",
];
/// What nests.
const NESTS: [&[u8]; 4] = [b"[", b"{\"a\":", b"\x0a\xff\x01", b"\x30\x80"];

/// Makes the one input that a target and a number stand for.
pub(super) struct Mutator<'a> {
    rng: StdRng,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    pub(super) fn new(target: &str, number: u64, seeds: &'a [Vec<u8>]) -> Self {
        let named = target
            .bytes()
            .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let rng = StdRng::seed_from_u64(named ^ number);
        Self { rng, seeds }
    }

    pub(super) fn input(mut self) -> Vec<u8> {
        if self.rng.random_ratio(1, 16) {
            return self.noise(4096);
        }
        let mut input = self.seed();
        for _ in 0..1 << self.rng.random_range(0..4) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES);
        input
    }

    fn seed(&mut self) -> Vec<u8> {
        self.seeds.choose(&mut self.rng).cloned().unwrap_or_default()
    }

    /// Short ones more often than long ones.
    fn noise(&mut self, most: usize) -> Vec<u8> {
        let halvings = self.rng.random_range(0..12);
        let length = self.rng.random_range(0..=most >> halvings);
        let mut noise = vec![0; length];
        self.rng.fill_bytes(&mut noise);
        noise
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.place(input);
        match self.rng.random_range(0..10) {
            0 | 1 => self.flip(input, at),
            2 => input.truncate(at),
            3 => drop(input.drain(at..self.after(at, input.len()))),
            4 => self.put(input, at, &LIES),
            5 => self.put(input, at, &WORDS),
            6 => self.splice(input, at),
            7 => self.repeat(input, at),
            8 => self.nest(input, at),
            _ => {
                let noise = self.noise(64);
                drop(input.splice(at..at, noise));
            }
        }
    }

    fn place(&mut self, input: &[u8]) -> usize {
        self.rng.random_range(0..=input.len())
    }

    /// The end of a range that begins at `at`, mostly a short one.
    fn after(&mut self, at: usize, length: usize) -> usize {
        let most = (length - at) >> self.rng.random_range(0..8);
        at + self.rng.random_range(0..=most)
    }

    fn flip(&mut self, input: &mut [u8], at: usize) {
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << self.rng.random_range(0..8);
        }
    }

    /// In place of as many bytes, or between two.
    fn put(&mut self, input: &mut Vec<u8>, at: usize, what: &[&[u8]]) {
        let new = what.choose(&mut self.rng).copied().unwrap_or_default();
        let end = if self.rng.random() {
            at
        } else {
            self.after(at, input.len())
        };
        drop(input.splice(at..end, new.iter().copied()));
    }

    /// The end of another valid input.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize) {
        let other = self.seed();
        let from = self.place(&other);
        input.truncate(at);
        input.extend_from_slice(&other[from..]);
    }

    fn repeat(&mut self, input: &mut Vec<u8>, at: usize) {
        let chunk = input[at..self.after(at, input.len())].to_vec();
        let times = self.often_few(17).min(INPUT_BYTES / chunk.len().max(1));
        drop(input.splice(at..at, chunk.repeat(times)));
    }

    fn nest(&mut self, input: &mut Vec<u8>, at: usize) {
        let deep = NESTS.choose(&mut self.rng).copied().unwrap_or_default();
        let times = self.often_few(15);
        drop(input.splice(at..at, deep.repeat(times)));
    }

    /// Seldom up to two to the power of `most`.
    fn often_few(&mut self, most: u32) -> usize {
        let power = self.rng.random_range(0..most);
        1 << self.rng.random_range(0..=power)
    }
}
