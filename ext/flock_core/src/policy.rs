//! Who may run what: the allow table and its default.
