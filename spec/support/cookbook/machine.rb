# frozen_string_literal: true

require "chef"
require "chef/encrypted_data_bag_item"
require "fileutils"
require "json"
require "open3"
require "rbconfig"
require "support/fleet"
require_relative "../../../rakelib/package/native_gem"

# A machine that the cookbook has to itself: real chef-client in local mode without Bundler, a folder of its own for
# gems, and a stand-in for systemctl that starts and stops the agent as the unit says.
class CookbookMachine
  ROOT = File.expand_path("../../..", __dir__)
  COOKBOOK = File.join(ROOT, "cookbook")
  Result = Struct.new(:output, :status) do
    def updated = output[%r{(\d+)(?:/\d+)? resources updated}, 1]&.to_i
  end

  attr_reader :name, :dir, :port
  # @return [String] where this machine's Ruby has its gems, below its folder
  attr_accessor :gems

  # Packs this checkout with its built extension, as a gem for this platform: compiling it again would take minutes.
  #
  # @return [String] the gem file
  def self.pack_gem(dir)
    library = Dir[File.join(ROOT, "lib/flock_of_chefs/flock_of_chefs.{so,bundle}")].first or raise "rake compile first"
    NativeGem.build({ RUBY_VERSION[/\d+\.\d+/] => library }, dir)
  end

  def initialize(dir, name)
    @dir = dir
    @name = name
    @port = Fleet.free_port
    @gems = "gems"
    prepare
  end

  def path(*parts) = File.join(dir, *parts)
  def read(*parts) = File.read(path(*parts))

  # @param recipe [String] of cookbook "app"
  # @param flock [Hash] of node['flock_of_chefs']
  # @return [Result]
  def converge(recipe, *arguments, run_list: "recipe[flock_of_chefs],recipe[app]", **flock)
    write("repo/cookbooks/app/recipes/default.rb", recipe)
    write("attributes.json", JSON.generate("flock_of_chefs" => attributes.merge(flock)))
    publish
    run("-W0", Gem.bin_path("chef-bin", "chef-client"), "-c", path("client.rb"), "--no-color", "-F", "doc",
        "-j", path("attributes.json"), *(["-r", run_list] if run_list), *arguments)
  end

  def converge!(...)
    result = converge(...)
    result.status.success? ? result : raise("chef-client on #{name}:\n#{result.output}")
  end

  def flockctl(*arguments)
    result = try_flockctl(*arguments)
    result.status.success? ? result.output : raise("flockctl #{arguments.join(" ")} on #{name}:\n#{result.output}")
  end

  # As people have it who log in: the command that the cookbook has put on the PATH, and none of Chef's environment.
  #
  # @return [Result]
  def try_flockctl(*arguments)
    execute(environment.reject { |name, _| name.start_with?("GEM_") }, "flockctl", *arguments)
  end

  # @return [Array<String>] what systemctl was asked for since the last look
  def systemctl_calls
    calls = File.exist?(path("systemd/calls")) ? File.readlines(path("systemd/calls"), chomp: true) : []
    FileUtils.rm_f(path("systemd/calls"))
    calls
  end

  # As an operator restarts the agent.
  def restart = run(File.join(__dir__, "systemctl.rb"), "restart", File.basename(unit))

  def unit = path("systemd/flock-agent.service")

  def write(file, text)
    FileUtils.mkdir_p(File.dirname(path(file)))
    File.write(path(file), text)
  end

  # Writes an item of Chef Vault, as its gem does: encrypted by a secret, which is sealed for each client by its key.
  #
  # @param sealed [Hash{String => String}] the secret by client
  def vault(bag, item, secret, **sealed)
    id = item.fetch("id")
    keys = { "id" => "#{id}_keys", "admins" => [], "clients" => sealed.keys.map(&:to_s), "search_query" => [],
             **sealed.transform_keys(&:to_s) }
    write("repo/data_bags/#{bag}/#{id}.json",
          JSON.generate(Chef::EncryptedDataBagItem.encrypt_data_bag_item(item, secret)))
    write("repo/data_bags/#{bag}/#{id}_keys.json", JSON.generate(keys))
  end

  def close
    pid = read("systemd/flock-agent.service.pid").to_i
    Process.kill("KILL", pid) if File.read("/proc/#{pid}/cmdline").include?(path("etc/agent.toml"))
  rescue SystemCallError
    nil # it never ran, or has ended
  end

  private

  # For machines whose cookbooks do not come from their own folder.
  def publish = nil

  def attributes
    { enabled: true, config: path("etc/agent.toml"), data_dir: path("data"), socket: path("agent.sock"),
      port: port.to_s, bind_addr: { ip_address: "127.0.0.1" }, unit_directory: path("systemd"),
      client_d: path("client.d"), flockctl: path("bin/flockctl") }
  end

  def prepare
    %w[home gems systemd bin].each { |folder| FileUtils.mkdir_p(path(folder)) }
    FileUtils.mkdir_p(path("repo/cookbooks"))
    FileUtils.ln_s(COOKBOOK, path("repo/cookbooks/flock_of_chefs"))
    write("bin/systemctl", "#!/bin/sh\nexec '#{RbConfig.ruby}' --disable-gems '#{__dir__}/systemctl.rb' \"$@\"\n")
    FileUtils.chmod(0o755, path("bin/systemctl"))
    write("machine-id", "#{name.unpack1("H*").ljust(32, "0")}\n")
    write("repo/cookbooks/app/metadata.rb", "name 'app'\nversion '1.0.0'\n")
    write("client.rb", <<~RUBY)
      node_name "#{name}"
      file_cache_path "#{path("cache")}"
      file_backup_path "#{path("backup")}"
      client_d_dir "#{path("client.d")}"
      minimal_ohai true
      log_level :warn
      #{where}
    RUBY
  end

  # @return [String] lines of client.rb: where the cookbooks are
  def where
    <<~RUBY
      local_mode true
      chef_repo_path "#{path("repo")}"
    RUBY
  end

  # Nothing of Bundler's: the gem is there when the cookbook has installed it.
  def run(*arguments) = execute(environment, RbConfig.ruby, *arguments)

  def execute(environment, *command)
    Result.new(*Open3.capture2e(environment, "timeout", "-s", "KILL", "180", *command,
                                unsetenv_others: true, chdir: dir))
  end

  def environment
    { "PATH" => "#{path("bin")}:#{ENV.fetch("PATH")}", "HOME" => path("home"), "LANG" => "C.UTF-8",
      "GEM_HOME" => path(gems), "GEM_PATH" => [path(gems), *Gem.path].uniq.join(":"),
      "CHEF_LICENSE" => "accept-no-persist", "FAKE_SYSTEMD" => path("systemd"),
      "FLOCK_MACHINE_ID_FILE" => path("machine-id") }
  end
end
