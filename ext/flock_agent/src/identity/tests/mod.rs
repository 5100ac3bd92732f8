mod disk;
mod join;
mod renewal;
