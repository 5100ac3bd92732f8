# frozen_string_literal: true

class Fleet
  # One machine of the fleet: an agent's directory and configuration, a Chef repository, the processes.
  class Node
    # What a finished process said.
    Result = Struct.new(:out, :err, :status) do
      def success? = status.success?
      def exit_code = status.exitstatus
      def text = "#{out}#{err}"
    end

    UNFINISHED = %w[queued offered stored claimed].freeze
    # What no command takes; only bounds a failure.
    COMMAND_S = 120

    attr_reader :name, :dir, :port, :pid
    # @return [Process::Status, nil] how the agent ended last
    attr_reader :status
    # @return [Array<String>] a flockctl to start the agent with, in place of this checkout's
    attr_writer :program

    # @param agent_toml [String] more lines of agent.toml, tables last
    # @param port [Integer, nil] the peer port; a free one unless given
    # @param roles [Hash{String => Array<String>}] run lists of roles
    # @param environment [String, nil]
    def initialize(dir, name, agent_toml: "", listen: true, tags: [], roles: {}, environment: nil, hub: false,
                   lease_ms: 30_000, port: nil)
      @dir = dir
      @name = name
      @port = port || Fleet.free_port if listen
      @registry = "[registry]\nurl = \"embedded\"\nlease_ms = #{lease_ms}" if hub
      @roles = roles
      @environment = environment
      prepare(tags, agent_toml)
    end

    def path(*parts) = File.join(dir, *parts)

    # Changes one of the node's files.
    #
    # @yieldparam text [String]
    # @yieldreturn [String]
    def edit(file) = File.write(path(file), yield(File.read(path(file))))

    # ---- Chef -------------------------------------------------------------------------------------------------

    # Runs the real chef-client in local mode with one recipe.
    #
    # @param recipe [String] the recipe's text
    # @return [Result]
    def converge(recipe, *arguments, files: {}, run_list: "recipe[acceptance]", env: {})
      write_cookbook(recipe, files)
      chef_client("-r", run_list, *arguments, env: env)
    end

    def converge!(recipe, *arguments, **options)
      run = converge(recipe, *arguments, **options)
      run.success? ? run : raise("chef-client on #{name}:\n#{run.text}")
    end

    def write_cookbook(recipe, files = {})
      FileUtils.rm_rf(path("repo/cookbooks/acceptance"))
      { "metadata.rb" => "name 'acceptance'\nversion '1.0.0'\n", "recipes/default.rb" => recipe }
        .merge(files).each { |file, text| write("repo/cookbooks/acceptance/#{file}", text) }
    end

    def chef_client(*arguments, env: {})
      run_client("-c", path("client.rb"), *arguments, env: env)
    end

    # @param arguments [Array<String>] a configuration among them
    def run_client(*arguments, env: {})
      run(env, "chef-client", "-z", "--no-color", *arguments)
    end

    # @return [Hash] what the last successful run left for workers
    def snapshot
      JSON.parse(File.read(path("data/snapshots", File.read(path("data/snapshots/current")).strip, "snapshot.json")))
    end

    # A converge that goes on in the background, until {Fleet#close} at the latest.
    #
    # @return [Process::Waiter]
    def converge_in_background(recipe, log: path("background.log"), files: {})
      write_cookbook(recipe, files)
      pid = Process.spawn(environment, "bundle", "exec", "chef-client", "-z", "-c", path("client.rb"), "--no-color",
                          "-r", "recipe[acceptance]", out: log, err: %i[child out], chdir: ROOT, pgroup: true)
      Process.detach(pid).tap { |run| (@background ||= []) << run }
    end

    # Ends converges that an example left behind when it failed.
    def end_background
      Array(@background).select(&:alive?).each { |run| Process.kill("KILL", -run.pid) }
    end

    # ---- the agent --------------------------------------------------------------------------------------------

    # @param arguments [Array<String>] more of `flockctl agent`
    def start(*arguments, env: {})
      @pid = Process.spawn(environment.merge(env), *program, "agent", "--config", path("agent.toml"), *arguments,
                           out: [path("agent.log"), "a"], err: %i[child out], chdir: ROOT)
      Fleet.eventually("agent of #{name} serves") do
        raise "agent of #{name} ended:\n#{log}" if exited?

        log.include?("agent #{name} runs (pid #{@pid})")
      end
      self
    end

    def stop(signal = "TERM", timeout: 30)
      return self unless @pid

      signal(signal)
      ended(timeout: timeout)
    end

    # Waits until the agent is gone; see {#status}.
    def ended(timeout: 30)
      Fleet.eventually("agent of #{name} stops", timeout: timeout) { exited? }
      self
    end

    def signal(name) = Process.kill(name, @pid)
    def kill9 = stop("KILL")
    def running? = !@pid.nil?
    def log = File.exist?(path("agent.log")) ? File.read(path("agent.log")) : ""

    def close
      stop("KILL") if @pid && !exited?
      workers.each { |worker| Process.kill("KILL", -worker) }
    end

    # @return [Array<Integer>] the workers that run an action now, with or without an agent
    def workers
      Dir[path("data/results/*.started")].filter_map do |file|
        pid = File.read(file).to_i
        pid if File.read("/proc/#{pid}/cmdline").include?(File.basename(file, ".started"))
      rescue SystemCallError
        nil # it has ended
      end
    end

    # ---- flockctl ---------------------------------------------------------------------------------------------

    # @return [Result]
    def flockctl(*arguments)
      run({}, "ruby", "exe/flockctl", *arguments, "--config", path("agent.toml"))
    end

    def flockctl!(*arguments)
      result = flockctl(*arguments)
      return result.out if result.success?

      raise "flockctl #{arguments.join(" ")} on #{name} (#{result.status.exitstatus}):\n#{result.text}"
    end

    # @return [Array<Hash>] the notifications of this node's store
    def notifications
      JSON.parse(flockctl!("notifications", "list", "--format", "json"))
    end

    # @param direction [String] "out" (this node subscribes) or "in" (others subscribe to this node)
    # @return [Array<Hash>]
    def subscriptions(direction)
      JSON.parse(flockctl!("subscriptions", "list", "--direction", direction, "--format", "json"))
    end

    # Waits until every notification that was sent from here has ended.
    def settled(timeout: 60, count: nil)
      Fleet.eventually("notifications of #{name} end", timeout: timeout) do
        sent = notifications.select { |record| record["direction"] == "out" }
        enough = count.nil? || sent.length >= count
        sent if enough && sent.none? { |record| UNFINISHED.include?(record["state"]) }
      end
    end

    def environment
      { "FLOCK_CONFIG" => path("agent.toml"), "CHEF_LICENSE" => "accept-no-persist", "HOME" => path("home"),
        "BUNDLE_GEMFILE" => ENV.fetch("BUNDLE_GEMFILE", File.join(ROOT, "Gemfile")),
        "FLOCK_MACHINE_ID_FILE" => path("machine-id") }
    end

    private

    def program = @program || %w[bundle exec ruby exe/flockctl]

    def run(env, *command)
      limited = ["timeout", "-s", "KILL", COMMAND_S.to_s, "bundle", "exec", *command]
      Result.new(*Open3.capture3(environment.merge(env), *limited, chdir: ROOT))
    end

    def exited?
      _, status = @pid && Process.wait2(@pid, Process::WNOHANG)
      return @pid.nil? unless status

      @status = status
      @pid = nil
      true
    end

    def write(file, text)
      FileUtils.mkdir_p(File.dirname(path(file)))
      File.write(path(file), text)
    end

    def prepare(tags, agent_toml)
      write("home/.keep", "")
      write("machine-id", "#{name.unpack1("H*").ljust(32, "0")}\n")
      write("agent.toml", agent_configuration(tags, agent_toml))
      write("client.rb", client_configuration)
      write_object("environment", @environment) if @environment
      @roles.each { |role, run_list| write_object("role", role, "run_list" => run_list) }
    end

    # One of the Chef repository's JSON files.
    def write_object(type, object, fields = {})
      write("repo/#{type}s/#{object}.json", JSON.generate("name" => object, "json_class" => "Chef::#{type.capitalize}",
                                                          "chef_type" => type, **fields))
    end

    def agent_configuration(tags, more)
      <<~TOML
        name = "#{name}"
        data_dir = "#{path("data")}"
        socket = "#{path("agent.sock")}"
        listen = "#{"127.0.0.1:#{port}" if port}"
        tags = #{JSON.generate(tags)}
        #{@registry}
        [chef]
        config = "#{path("client.rb")}"
        #{more}
      TOML
    end

    def client_configuration
      <<~RUBY
        local_mode true
        node_name "#{name}"
        chef_repo_path "#{path("repo")}"
        file_cache_path "#{path("cache")}"
        file_backup_path "#{path("backup")}"
        #{"environment \"#{@environment}\"" if @environment}
        minimal_ohai true
        log_level :warn
        require "flock_of_chefs/chef"
      RUBY
    end
  end
end
