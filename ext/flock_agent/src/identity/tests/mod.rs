mod disk;
mod join;
mod renewal;
mod time;
