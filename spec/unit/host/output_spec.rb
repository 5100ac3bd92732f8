# frozen_string_literal: true

require "rbconfig"
require "tmpdir"

RSpec.describe "the log of a host" do
  it "goes on in a new file when it has grown too large" do
    Dir.mktmpdir do |dir|
      log = File.join(dir, "hosts.log")
      script = <<~RUBY
        require "flock_of_chefs/host/output"
        output = FlockOfChefs::Host::Output.new(#{dir.inspect})
        $stderr.write("x" * (FlockOfChefs::Worker::Launch::LOG_LIMIT_BYTES + 1))
        2.times do |n|
          output.renew
          warn(n)
        end
      RUBY
      system({ "RUBYOPT" => nil }, RbConfig.ruby, "-I", "lib", "-e", script, out: log, err: %i[child out])
      expect([File.size("#{log}.1") > 1024 * 1024, File.read(log)]).to eq([true, "0\n1\n"])
    end
  end
end
