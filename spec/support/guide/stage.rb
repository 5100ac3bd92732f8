# frozen_string_literal: true

require "fileutils"
require "json"
require "open3"
require "rbconfig"
require_relative "../fleet"
require_relative "../guide"

module Guide
  # A fleet on which examples are run as they stand. Only this is other than the guides have it: folders of the whole
  # machine (/tmp, /etc/app, …) are folders of the fleet; `systemctl` starts and stops the fleet's agents; services are
  # recorded, not restarted; STRING is the last token; a workstation is a home.
  class Stage
    # Folders of examples.
    FOLDERS = %r{(?<![\w.])/(?=(?:tmp|etc/(?:app|bash_completion\.d|flock)|srv/app|opt|run/postgresql|var/backups)/)}
    # Commands of resources and what a node has under that name.
    PROGRAMS = %w[migrate deploy upgrade cluster-init cluster-join warm-cache].freeze
    SERVICES = File.expand_path("services.rb", __dir__)
    # An example that says nothing is for this node, or on it.
    DEFAULT = "app"

    # @return [Fleet]
    attr_reader :fleet

    def initialize
      @fleet = Fleet.new
      FileUtils.mkdir_p(root)
      PROGRAMS.each do |name|
        script(File.join(fleet.dir, "bin", name), "echo #{name} \"$@\" | sed 's/ *$//' >> #{journal_file}")
      end
    end

    # @return [Fleet::Node] known here, with or without an identity
    def add(name, **options)
      fleet.add(name, **options).tap { |node| prepare(node) }
    end

    # @return [Fleet::Node] a member whose agent runs
    def join(name, **options)
      add(name, **options).tap do |node|
        node.flockctl!("join", fleet.token)
        start(node)
      end
    end

    def node(name) = fleet.nodes.find { |node| node.name == name } || raise("no node #{name} here")

    def start(node) = node.start(env: environment(node))

    # The line of agent.toml with which a node runs the recipe that it was given last.
    def run_command(name) = "run_command = #{JSON.generate([File.join(fleet.dir, name, "bin", "chef-client")])}"

    # @param example [Example]
    # @return [Array<Fleet::Node>] whose it is
    def nodes_of(example, default: DEFAULT)
      whose = example.place[/\bon (\w+)'s workstation/i, 1]
      return [workstation(whose)] if whose

      words = example.place.match?(/\bon\b/i) ? example.place[/\bon\b.*/i].scan(/[a-z]+\d*/) : []
      found = fleet.nodes.select { |node| words.include?(node.name) }
      found = fleet.nodes if found.empty? && example.place.include?("on both nodes")
      found.empty? ? [node(default)] : found
    end

    # @return [Fleet::Workstation] of a person, where flockctl and knife are
    def workstation(name)
      (@workstations ||= {})[name] ||= Fleet::Workstation.new(fleet, name).tap { |one| equip(one) }
    end

    # What a machine was is gone: the next one has its name.
    def replace(node)
      node.stop
      FileUtils.rm_rf(node.path("data"))
      node.edit("machine-id", &:reverse)
    end

    # Gives a node the recipe of an example.
    #
    # @return [String] the recipe
    def give(node, example)
      recipe = local(example.text)
      node.write_cookbook(recipe, "libraries/services.rb" => File.read(SERVICES).sub("JOURNAL", journal_file),
                                  "templates/agent.toml.erb" => File.read(node.path("agent.toml")))
      recipe
    end

    # Runs Chef with what {give} gave last.
    def converge(node)
      run = node.chef_client("-r", File.read(node.path("run_list")), env: environment(node))
      run.success? ? run : raise("chef-client on #{node.name}:\n#{run.text}")
    end

    # What a node's file is here: the words' file goes into client.rb, APIs to the agent's data.
    def write(node, example)
      case (path = example.place[%r{\A/\S+?(?=,?\s|\z)}])
      when %r{/agent\.toml} then node.edit("agent.toml") { |text| "#{text}#{example.text}" }
      when %r{/client\.d/} then node.edit("client.rb") { |text| text.sub(/^require .*\n/, example.text) }
      when %r{\A/var/lib/flock/apis/(\w+\.rb)} then offer(node, Regexp.last_match(1), local(example.text))
      else raise "#{example}: nothing is known of #{path}"
      end
    end

    # Runs commands as a shell does, those of services apart.
    #
    # @return [String] what they print
    def shell(node, example)
      chunks = example.commands.slice_when { |one, two| [one, two].any?(/\A\s*systemctl /) }
      chunks.map { |lines| lines.first.match?(/\A\s*systemctl /) ? service(node, lines.first) : run(node, lines) }.join
    end

    # @return [Array<String>] what services and programs did, in order
    def journal = File.exist?(journal_file) ? File.readlines(journal_file, chomp: true) : []

    def forget = FileUtils.rm_f(journal_file)

    # @return [String] a path of the guides as it is here
    def local(text) = text.gsub(FOLDERS, "#{root}/").tap { |here| make_folders(here) }

    def close = fleet.close

    private

    def root = File.join(fleet.dir, "root")
    def journal_file = File.join(fleet.dir, "journal")

    def prepare(node)
      File.write(node.path("run_list"), "recipe[acceptance]")
      script(node.path("bin/flockctl"),
             "exec #{RbConfig.ruby} -rbundler/setup -I#{ROOT}/lib #{ROOT}/exe/flockctl \"$@\"")
      variables = node.environment.map { |name, value| "#{name}='#{value}'" }.join(" ")
      script(node.path("bin/chef-client"),
             "cd #{ROOT} && exec env #{variables} bundle exec chef-client -z --no-color -c #{node.path("client.rb")} " \
             "-r \"$(cat #{node.path("run_list")})\" \"$@\"")
    end

    def equip(workstation)
      { "flockctl" => "#{ROOT}/exe/flockctl", "knife" => Gem.bin_path("knife", "knife") }.each do |name, program|
        script(workstation.path("bin", name),
               "cd #{workstation.path} && exec #{RbConfig.ruby} -rbundler/setup -I#{ROOT}/lib #{program} \"$@\"")
      end
    end

    def script(path, text)
      FileUtils.mkdir_p(File.dirname(path))
      File.write(path, "#!/bin/sh\n#{text}\n", perm: 0o755)
    end

    def environment(node)
      { "PATH" => [node.path("bin"), File.join(fleet.dir, "bin"), ENV.fetch("PATH")].join(":") }
    end

    def make_folders(text)
      text.scan(%r{#{Regexp.escape(root)}/[\w./-]+/}).each { |dir| FileUtils.mkdir_p(dir) }
    end

    def offer(node, file, text)
      FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
      File.write(node.path("data/apis", file), text)
      name = text[/api_name :(\w+)/, 1]
      Fleet.eventually("#{node.name} serves #{name}") { served(node).include?(name) }
    end

    def served(node)
      JSON.parse(node.flockctl!("status", "--format", "json"))["hosts"].flat_map { |host| host["apis"].to_a }
    end

    def service(node, command)
      verb = command[/systemctl (\S+)/, 1]
      node.stop if %w[stop restart].include?(verb)
      start(node) unless verb == "stop"
      ""
    end

    def run(node, lines)
      text = lines.join("\n").gsub("STRING", @string.to_s)
      limited = %w[timeout -s KILL 120 bash -euo pipefail -c]
      out, err, status = Open3.capture3(node.environment.merge(environment(node)), *limited, text, chdir: ROOT)
      raise "on #{node.name} (#{status.exitstatus}): #{text}\n#{out}#{err}" unless status.success?

      @string = out[/flock1\.\S+/] || @string
      out
    end
  end
end
