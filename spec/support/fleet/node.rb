# frozen_string_literal: true

class Fleet
  # One machine of the fleet: an agent's directory and configuration, a Chef repository, the processes.
  class Node
    # What a finished process said.
    Result = Struct.new(:out, :err, :status) do
      def success? = status.success?
      def text = "#{out}#{err}"
    end

    UNFINISHED = %w[queued offered stored claimed].freeze

    attr_reader :name, :dir, :port, :pid

    # @param agent_toml [String] more lines of agent.toml, tables last
    # @param roles [Hash{String => Array<String>}] run lists of roles
    # @param environment [String, nil]
    def initialize(dir, name, agent_toml: "", listen: true, tags: [], roles: {}, environment: nil, hub: false,
                   lease_ms: 30_000)
      @dir = dir
      @name = name
      @port = Fleet.free_port if listen
      @registry = "[registry]\nurl = \"embedded\"\nlease_ms = #{lease_ms}" if hub
      @roles = roles
      @environment = environment
      prepare(tags, agent_toml)
    end

    def path(*parts) = File.join(dir, *parts)

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

    def start(env: {})
      @pid = Process.spawn(environment.merge(env), "bundle", "exec", "ruby", "exe/flockctl", "agent", "--config",
                           path("agent.toml"), out: [path("agent.log"), "a"], err: %i[child out], chdir: ROOT)
      Fleet.eventually("agent of #{name} answers") do
        raise "agent of #{name} ended:\n#{log}" if Process.wait(@pid, Process::WNOHANG)

        answers?
      end
      self
    rescue StandardError
      @pid = nil if exited?
      raise
    end

    def stop(signal = "TERM", timeout: 30)
      return self unless @pid

      Process.kill(signal, @pid)
      Fleet.eventually("agent of #{name} stops", timeout: timeout) { exited? }
      @pid = nil
      self
    end

    def kill9 = stop("KILL")
    def running? = !@pid.nil?
    def log = File.exist?(path("agent.log")) ? File.read(path("agent.log")) : ""

    def close
      stop("KILL") if @pid && !exited?
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
        "BUNDLE_GEMFILE" => File.join(ROOT, "Gemfile"), "FLOCK_MACHINE_ID_FILE" => path("machine-id") }
    end

    private

    def run(env, *command)
      Result.new(*Open3.capture3(environment.merge(env), "bundle", "exec", *command, chdir: ROOT))
    end

    def answers?
      return false unless File.socket?(path("agent.sock"))

      UNIXSocket.open(path("agent.sock")) { true }
    rescue SystemCallError
      false
    end

    def exited?
      Process.wait(@pid, Process::WNOHANG) ? true : false
    rescue Errno::ECHILD
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
