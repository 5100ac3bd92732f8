# frozen_string_literal: true

require "fileutils"
require "tmpdir"

GENERATED = "ext/flock_agent/src/pb"

# Regenerates the protobuf code into a folder; the generator is Rust, so protoc is not needed.
generate_proto = lambda do |out|
  sh({ "CARGO_TARGET_DIR" => "target/proto" },
     "cargo run --quiet --locked --manifest-path proto/gen/Cargo.toml -- #{out}", verbose: false)
end

namespace :proto do
  desc "Regenerate #{GENERATED} from proto/"
  task(:generate) { generate_proto.call(GENERATED) }

  desc "Fail when the committed protobuf code is not what proto/ gives"
  task :check do
    Dir.mktmpdir do |fresh|
      generate_proto.call(fresh)
      sh "diff -r #{fresh} #{GENERATED}", verbose: false do |ok, _|
        abort "#{GENERATED} differs from proto/: run `rake proto:generate` and commit the result" unless ok
      end
    end
  end
end
