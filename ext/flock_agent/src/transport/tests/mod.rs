mod dialling;
mod limits;
mod removal;
