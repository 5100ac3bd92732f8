# frozen_string_literal: true

require "json"
require "open3"
require "tmpdir"
require "yaml"

module Bench
  module Peers
    # A master and a minion of Salt on loopback: an event of the minion, which the master's reactor answers with
    # `state.apply` of one `file.managed` on that minion. It is sent by a Python process that has loaded Salt already.
    class Salt
      COUNT = 30

      def initialize(cache, options)
        @cache = cache
        @options = options
      end

      def installed? = File.executable?(program("salt-master"))
      def missing = "no Salt; `bin/bench --peers` installs it from PyPI into #{@cache} (needs python3-venv)"
      def version = "Salt #{`#{program("salt-call")} --version`[/\d\S*/]}"
      def what = "event → reactor → file.managed"

      def install
        FileUtils.mkdir_p(@cache)
        system("python3", "-m", "venv", @cache) && system(program("pip"), "install", "--quiet", "salt", out: :err)
      end

      def measure
        Dir.mktmpdir("salt") do |dir|
          @dir = dir
          configure
          @pids = %w[salt-master salt-minion].map { |name| start(name) }
          return Samples.new(fire)
        ensure
          stop
        end
      end

      private

      def program(name) = File.join(@cache, "bin", name)
      def path(*parts) = File.join(@dir, *parts)
      def mark = path("mark")

      def configure
        publish, answer = Array.new(2) { Fleet.free_port }
        write("etc/master", YAML.dump(common("master").merge(
                                        "interface" => "127.0.0.1", "publish_port" => publish, "ret_port" => answer,
                                        "auto_accept" => true, "worker_threads" => 3,
                                        "file_roots" => { "base" => [path("states")] },
                                        "reactor" => [{ "bench/notify" => [path("reactor.sls")] }]
                                      )))
        write("etc/minion", YAML.dump(common("minion").merge("id" => "target", "master" => "127.0.0.1",
                                                             "master_port" => answer, "publish_port" => publish)))
        write("states/mark.sls", YAML.dump("mark" => { "file.managed" => [{ "name" => mark }, { "contents" => "x" }] }))
        reaction = { "apply" => { "local.state.apply" => [{ "tgt" => "target" },
                                                          { "args" => [{ "mods" => "mark" }, { "queue" => true }] }] } }
        write("reactor.sls", YAML.dump(reaction))
      end

      def common(role)
        { "user" => Etc.getpwuid.name, "root_dir" => path(role),
          "pki_dir" => path(role, "pki"), "cachedir" => path(role, "cache"),
          "sock_dir" => path(role, "sock"), "log_file" => path("#{role}.log"), "pidfile" => path("#{role}.pid"),
          "extension_modules" => path(role, "ext") }
      end

      def write(file, text)
        FileUtils.mkdir_p(File.dirname(path(file)))
        File.write(path(file), text)
      end

      def start(name)
        Process.spawn(program(name), "-c", path("etc"), %i[out err] => path("#{name}.out"), pgroup: true)
      end

      def stop
        Array(@pids).reverse_each do |pid|
          Process.kill("TERM", -pid)
          Process.detach(pid).join(20)
          Process.kill("KILL", -pid)
        rescue Errno::ESRCH
          nil # all of its processes have ended
        end
      end

      # @return [Array<Float>] milliseconds from the event to the file
      def fire
        script = File.join(__dir__, "salt_fire.py")
        out, status = Open3.capture2(program("python"), script, path("etc/minion"), mark, @options.count(COUNT).to_s,
                                     err: path("fire.err"))
        raise "salt: #{File.read(path("fire.err")).lines.last(5).join}" unless status.success?

        JSON.parse(out.lines.last)
      end
    end
  end
end
