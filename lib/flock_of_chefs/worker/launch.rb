# frozen_string_literal: true

require "fileutils"

module FlockOfChefs
  module Worker
    # How the agent starts a worker: always by exec, never by fork (a forked process would keep a run lock), with the
    # Ruby, the gems and the environment of the run that left the snapshot, and without Bundler.
    #
    # This file is loaded in the agent: it requires neither Chef nor anything else of the worker.
    module Launch
      # The worker's program.
      MAIN = File.expand_path("main.rb", __dir__)
      # Spelling suggestions cost 15 ms at each start, and quote values in error messages.
      FLAGS = %w[--disable=did_you_mean --disable=error_highlight].freeze
      # The log is renamed to +worker.log.1+ when a worker is started and it is larger than this.
      LOG_LIMIT_BYTES = 1024 * 1024

      class << self
        # @param job [Hash] the job, or the agent's "run" event; "job_file" wins over "data_dir" and "job"
        # @param ruby [Hash] the "ruby" part of snapshot.json
        # @return [Array(Hash, Array<String>, Hash)] for +Process.spawn(env, *argv, **options)+. The caller adds +in:+,
        #   the pipe on which it will say "go", and may replace +out:+ and +err:+, which go to +worker.log+.
        # @example
        #   env, argv, options = Launch.command(event, event["ruby"])
        #   pid = Process.spawn(env, *argv, **options, in: reader)
        def command(job, ruby)
          file = job["job_file"] || File.join(job.fetch("data_dir"), "jobs", "#{job.fetch("job")}.json")
          data_dir = job["data_dir"] || File.expand_path("../..", file)
          [environment(ruby), [ruby.fetch("path"), *FLAGS, MAIN, file], options(ruby, data_dir)]
        end

        # A worker that stays; +in:+ is then its end of a {Control}.
        #
        # @param folder [String] of the generation
        # @param data_dir [String]
        # @param ruby [Hash] as above
        # @return [Array(Hash, Array<String>, Hash)] as above
        def warm(folder, data_dir, ruby)
          [environment(ruby), [ruby.fetch("path"), *FLAGS, MAIN, "--warm", folder, data_dir], options(ruby, data_dir)]
        end

        # @param data_dir [String]
        # @return [String] where workers write what they print; it never leaves the node
        def log_path(data_dir) = File.join(data_dir, "worker.log")

        # Renames a log that has grown too large.
        #
        # @param path [String]
        # @return [void]
        def rotate(path)
          File.rename(path, "#{path}.1") if File.size?(path).to_i > LOG_LIMIT_BYTES
        end

        private

        # The load path goes through a variable of our own: RubyGems searches every -I and RUBYLIB folder at each
        # require.
        def environment(ruby)
          ruby.fetch("env", {}).merge(
            "GEM_HOME" => ruby["gem_home"], "GEM_PATH" => Array(ruby["gem_path"]).join(File::PATH_SEPARATOR),
            "FLOCK_LOAD_PATH" => Array(ruby["load_path"]).join(File::PATH_SEPARATOR)
          ).compact
        end

        def options(ruby, data_dir)
          rotate(log_path(data_dir))
          folder = ruby["cwd"]
          { unsetenv_others: true, pgroup: true, close_others: true, umask: 0o022,
            chdir: folder && File.directory?(folder) ? folder : "/",
            out: [log_path(data_dir), File::WRONLY | File::CREAT | File::APPEND, 0o600], err: %i[child out] }
        end
      end
    end
  end
end
