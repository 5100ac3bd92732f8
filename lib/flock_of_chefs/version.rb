# frozen_string_literal: true

module FlockOfChefs
  # The gem's version; the crates carry the same one (spec/unit/version_spec.rb).
  VERSION = "0.1.0"
end
