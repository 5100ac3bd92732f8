mod away;
mod live;
mod serving;
