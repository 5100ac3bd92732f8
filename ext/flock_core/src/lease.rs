//! Leases: suspect and gone, from times that are passed in.
