mod away;
mod live;
