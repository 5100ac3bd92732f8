mod disk;
mod join;
mod operators;
mod renewal;
mod time;
