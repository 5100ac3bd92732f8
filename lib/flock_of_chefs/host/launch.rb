# frozen_string_literal: true

require "rbconfig"
require_relative "../worker/launch"

module FlockOfChefs
  # The process in which APIs live.
  # @api private
  module Host
    # How the agent starts a host: by exec, as it starts workers. Its standard input is its end of a {Worker::Control},
    # over which it hears what it is to serve.
    #
    # This file is loaded in the agent: it requires neither Chef nor anything else of the host.
    module Launch
      # The host's program.
      MAIN = File.expand_path("main.rb", __dir__)
      # What hosts print; never leaves the node.
      LOG = "hosts.log"

      class << self
        # @param host [Hash] of the agent's "hosts" event, with "data_dir" of the event
        # @return [Array(Hash, Array<String>, Hash)] for +Process.spawn(env, *argv, **options)+ without +in:+
        def command(host)
          log = { out: log(host.fetch("data_dir")), err: %i[child out] }
          host["ruby"] ? by_snapshot(host, log) : as_the_agent(host, log)
        end

        private

        # With the Ruby, the gems and the environment of the run that left the snapshot.
        def by_snapshot(host, log)
          ruby = host.fetch("ruby")
          env, (path, *), options = Worker::Launch.warm(host.fetch("snapshot_dir"), host.fetch("data_dir"), ruby)
          [env.merge(config(host)), [path, *Worker::Launch::FLAGS, MAIN], options.merge(log)]
        end

        # With the agent's own.
        def as_the_agent(host, log)
          options = { pgroup: true, close_others: true, chdir: "/", umask: 0o022, **log }
          [config(host), [RbConfig.ruby, *Worker::Launch::FLAGS, MAIN], options]
        end

        # An API that calls other nodes does so through the agent that started it.
        def config(host) = { "FLOCK_CONFIG" => host["config"] }.compact

        def log(data_dir)
          path = File.join(data_dir, LOG)
          Worker::Launch.rotate(path)
          [path, File::WRONLY | File::CREAT | File::APPEND, 0o600]
        end
      end
    end
  end
end
