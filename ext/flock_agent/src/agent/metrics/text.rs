//! Prometheus' text format, version 0.0.4.

use std::fmt::Write;

/// What kind of number it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// One metric with its samples, by labels.
pub(super) struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

impl Family {
    pub(super) fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            help,
            samples: Vec::new(),
        }
    }

    pub(super) fn labelled(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        self.samples.push((format!("{{{}}}", labels.join(",")), value));
        self
    }

    pub(super) fn value(mut self, value: f64) -> Self {
        self.samples.push((String::new(), value));
        self
    }

    pub(super) fn value_if(self, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.value(value),
            None => self,
        }
    }

    pub(super) fn flag(self, is_so: bool) -> Self {
        self.value(f64::from(u8::from(is_so)))
    }

    /// A time in milliseconds since 1970.
    pub(super) fn seconds(self, ms: u64) -> Self {
        self.value(ms as f64 / 1000.0)
    }

    pub(super) fn seconds_if(self, ms: Option<u64>) -> Self {
        self.value_if(ms.map(|ms| ms as f64 / 1000.0))
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The page as it grows.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn add(&mut self, family: Family) {
        let (name, kind) = (
            family.name,
            match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            },
        );
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
        for (labels, value) in family.samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_described_also_without_a_sample() {
        let mut text = Text::default();
        text.add(Family::new("a_total", Kind::Counter, "How many.").labelled(&[("x", "q\"\\\n")], 3.0));
        text.add(Family::new("b", Kind::Gauge, "Perhaps.").value_if(None));
        text.add(Family::new("c", Kind::Gauge, "When.").seconds(1_500).flag(true));
        assert_eq!(
            text.finish(),
            "# HELP a_total How many.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\n\"} 3\n\
             # HELP b Perhaps.\n# TYPE b gauge\n\
             # HELP c When.\n# TYPE c gauge\nc 1.5\nc 1\n"
        );
    }
}
