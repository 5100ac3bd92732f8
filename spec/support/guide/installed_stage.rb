# frozen_string_literal: true

require_relative "stage"

module Guide
  # A stage whose machines have the gem as it was installed, Chef from elsewhere, and nothing of this checkout.
  class InstalledStage < Stage
    # @param home [GemHome] where the gem is
    def initialize(home)
      @home = home
      super()
    end

    # @return [Array<String>] the native libraries that the node's agent has loaded
    def mapped(node) = File.read("/proc/#{node.pid}/maps").scan(%r{/\S*flock_of_chefs\.so$}).uniq

    # @return [Array<String>] where the node's last Chef run had the words from
    def words(node)
      paths = node.snapshot.fetch("ruby").fetch("load_path")
      paths.select { |path| path == File.join(ROOT, "lib") || path.match?(%r{/flock_of_chefs(?:-[^/]+)?/lib\z}) }
    end

    private

    def prepare(node)
      File.write(node.path("run_list"), "recipe[acceptance]")
      ruby = "cd / && exec env -i #{variables(node)} #{RbConfig.ruby}"
      client = "#{Gem.bin_path("chef-bin", "chef-client")} -z --no-color -c #{node.path("client.rb")}"
      script(node.path("bin/chef-client"), "#{ruby} -W0 #{client} -r \"$(cat #{node.path("run_list")})\" \"$@\"")
      script(program = node.path("bin/flockctl"), "#{ruby} #{@home.bin("flockctl")} \"$@\"")
      node.program = [program]
    end

    # All that its processes have: nothing of Bundler's.
    def variables(node)
      gems = @home.path("gems")
      { "PATH" => ENV.fetch("PATH"), "LANG" => "C.UTF-8", "GEM_HOME" => gems, "GEM_PATH" => [gems, *Gem.path].join(":"),
        **node.environment.slice("HOME", "CHEF_LICENSE", "FLOCK_CONFIG", "FLOCK_MACHINE_ID_FILE") }
        .map { |name, value| "#{name}='#{value}'" }.join(" ")
    end
  end
end
