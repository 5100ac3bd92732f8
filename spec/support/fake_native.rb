# frozen_string_literal: true

require "fileutils"
require "json"

# Stands in for the native library: keeps drafts and calls as lines of JSON in FLOCK_FAKE_DIR. A Chef run loads it by
# client.rb (see ChefProcess); it has no dependency on Chef.
#
# FLOCK_FAKE_MODE: "agent" (default) answers; "down" refuses the socket; "full" also refuses the spool; "hung" lets
# every call time out; "unconfigured" has no agent.toml.
module FakeNative
  class << self
    def dir = ENV.fetch("FLOCK_FAKE_DIR")

    def mode = ENV.fetch("FLOCK_FAKE_MODE", "agent")

    def config(_path)
      raise FlockOfChefs::ConfigurationError, "/etc/flock/agent.toml does not exist" if mode == "unconfigured"

      JSON.generate(data_dir: File.join(dir, "data"), socket: File.join(dir, "agent.sock"), name: "bender0")
    end

    def new_id
      @ids = (@ids || 0) + 1
      format("00000000-0000-7000-8000-%012d", @ids)
    end

    def record(file, content)
      File.open(File.join(dir, file), "a") { |out| out.puts(content) }
    end

    # Takes the place of the library's loader, which stays unloaded.
    def install
      FlockOfChefs.send(:remove_const, :Native)
      FlockOfChefs.const_set(:Native, self)
    end
  end

  # The local socket's other end.
  class Client
    def initialize(json)
      @paths = JSON.parse(json)
      raise ArgumentError, json unless @paths.keys == %w[socket data_dir]
    end

    def append(json, timeout_ms)
      FakeNative.record("appends", JSON.generate(timeout_ms: timeout_ms))
      raise FlockOfChefs::InternalError, "No space left on device" if FakeNative.mode == "full"

      where = answers?(timeout_ms) ? "outbox" : "spool"
      FakeNative.record("drafts", json)
      JSON.generate(where: where, seq: 1)
    end

    def call(operation, json, timeout_ms)
      FakeNative.record("calls", JSON.generate(op: operation, timeout_ms: timeout_ms, payload: JSON.parse(json)))
      raise FlockOfChefs::ConnectionError, "connection refused" unless answers?(timeout_ms)

      "{}"
    end

    private

    def answers?(timeout_ms)
      sleep(timeout_ms / 1000.0) if FakeNative.mode == "hung"
      FakeNative.mode == "agent" && timeout_ms.positive?
    end
  end
end
