# frozen_string_literal: true

class Fleet
  # A machine of a person: no agent, no agent.toml, a home.
  class Workstation
    # @param fleet [Fleet] whose folder it has a place in
    # @param name [String] the operator's
    def initialize(fleet, name)
      @name = name
      @dir = File.join(fleet.dir, "home-#{name}")
      FileUtils.mkdir_p(@dir)
      @fleet = fleet
    end

    # @return [String] the folder of the identity
    def identity = File.join(@dir, ".flock_of_chefs")

    # @return [String] of the person and the machine
    attr_reader :name

    def path(*parts) = File.join(@dir, *parts)

    # Becomes an operator, by a token of the fleet's first hub.
    def join
      flockctl!("join", "--operator", @fleet.token("--operator", @name))
      self
    end

    # @return [Node::Result]
    def flockctl(*arguments) = run("ruby", File.join(ROOT, "exe/flockctl"), *arguments)

    def flockctl!(*arguments)
      result = flockctl(*arguments)
      result.success? ? result.out : raise("flockctl #{arguments.join(" ")} (#{result.exit_code}):\n#{result.text}")
    end

    # @return [Node::Result] of the real knife
    def knife(*arguments) = run("knife", *arguments)

    # @return [Thread] whose value is the result of flockctl
    def flockctl_in_background(*arguments) = Thread.new { flockctl(*arguments) }

    # @param hubs [Array<String>] where it looks for a hub from now on
    def hubs=(hubs)
      file = File.join(identity, "identity/identity.json")
      File.write(file, JSON.generate(JSON.parse(File.read(file)).merge("hubs" => hubs)))
    end

    # Nothing of the machine's own agent or knife configuration is to be found.
    def environment
      { "HOME" => @dir, "FLOCK_CONFIG" => File.join(@dir, "no-agent.toml"), "FLOCK_OPERATOR_DIR" => nil,
        "CHEF_LICENSE" => "accept-no-persist", "BUNDLE_GEMFILE" => File.join(ROOT, "Gemfile") }
    end

    private

    def run(*command)
      limited = ["timeout", "-s", "KILL", Node::COMMAND_S.to_s, "bundle", "exec", *command]
      Node::Result.new(*Open3.capture3(environment, *limited, chdir: @dir))
    end
  end
end
