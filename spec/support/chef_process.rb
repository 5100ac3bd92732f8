# frozen_string_literal: true

require "fileutils"
require "json"
require "open3"
require "tmpdir"

# Runs Chef's own programs in a temporary folder, with a cookbook "cb" and the fake native library.
#
#     chef = ChefProcess.new
#     chef.recipe("…")
#     result = chef.client("-o", "recipe[cb]")
#     result.output; chef.drafts; chef.run_json
#     chef.close
class ChefProcess
  LIB = File.expand_path("../../lib", __dir__)
  SUPPORT = __dir__

  # @!attribute output
  #   @return [String] standard output and error
  Result = Struct.new(:output, :status, keyword_init: true)

  attr_reader :dir

  # @param snapshot [Symbol] :fake, or :real to have whole snapshots
  def initialize(snapshot: :fake)
    @dir = Dir.mktmpdir
    @snapshot = snapshot
    write("cookbooks/cb/metadata.rb", %(name "cb"\nversion "1.0.0"\nchef_version ">= 16"\n))
    write("client.rb", client_rb)
  end

  def close = FileUtils.remove_entry(dir)

  def path(name) = File.join(dir, name)

  def write(name, content)
    FileUtils.mkdir_p(File.dirname(path(name)))
    File.write(path(name), content)
  end

  # The cookbook's recipe.
  def recipe(content, name = "default") = write("cookbooks/cb/recipes/#{name}.rb", content)

  # @param mode [String] see FakeNative
  # @return [Result]
  def client(*arguments, mode: "agent")
    run("chef-client", "-z", "-c", path("client.rb"), "--no-color", "-F", "doc", "-l", "warn", *arguments, mode: mode)
  end

  # @return [Result]
  def run(program, *arguments, mode: "agent")
    ruby("-W0", Gem.bin_path("chef-bin", program), *arguments, mode: mode)
  end

  # @return [Result]
  def ruby(*arguments, mode: "agent")
    output, status = Open3.capture2e(environment(mode), Gem.ruby, *arguments, chdir: dir)
    Result.new(output: output, status: status.exitstatus)
  end

  # Keeps chef-client running for the time of the block.
  def daemon(*arguments)
    run = spawn("client.rb", *arguments)
    yield
  ensure
    if run
      Process.kill(:TERM, -run.pid)
      run.join
    end
  end

  # Starts chef-client in a process group of its own; it writes daemon.log.
  #
  # @param config [String] a file of {#dir}
  # @return [Process::Waiter]
  def spawn(config, *arguments)
    command = [Gem.ruby, "-W0", Gem.bin_path("chef-bin", "chef-client"), "-z", "-c", path(config), *arguments]
    Process.detach(Process.spawn(environment("agent"), *command, chdir: dir, pgroup: true,
                                                                 %i[out err] => path("daemon.log")))
  end

  # @raise [RuntimeError] if the block stays false
  def wait_for(seconds = 60)
    (seconds * 20).times do
      return if yield

      sleep 0.05
    end
    raise "waited too long: #{File.read(path("daemon.log"))}"
  end

  def drafts = lines("drafts")
  def calls = lines("calls")
  def snapshots = lines("snapshots")
  def sent = drafts.map { |draft| draft.values_at("key", "action", "timing") }
  # @return [Array<Hash>, nil] the lines of a run's journal; nil without one
  def journal(number) = (lines("data/journal/#{number}.jsonl") if File.exist?(path("data/journal/#{number}.jsonl")))

  def run_json = JSON.parse(File.read(path("data/run.json")))

  # @return [Array<Hash>] what the fakes wrote down
  def lines(name) = File.exist?(path(name)) ? File.readlines(path(name)).map { |line| JSON.parse(line) } : []

  private

  def environment(mode)
    { "FLOCK_FAKE_DIR" => dir, "FLOCK_FAKE_MODE" => mode, "FLOCK_CONFIG" => path("absent.toml"),
      "CHEF_LICENSE" => "accept-no-persist", "HOME" => dir, "WORDS_DIR" => dir }
  end

  def client_rb
    <<~RUBY
      node_name "bender0"
      chef_repo_path "#{dir}"
      cookbook_path "#{path("cookbooks")}"
      cache_path "#{path("cache")}"
      file_cache_path "#{path("cache")}"
      minimal_ohai true
      #{words_rb}
    RUBY
  end

  def words_rb
    <<~RUBY
      $LOAD_PATH.unshift("#{LIB}")
      require "flock_of_chefs"
      load "#{SUPPORT}/fake_native.rb"
      load "#{SUPPORT}/fake_snapshot.rb"
      FakeNative.install
      #{"FakeSnapshot.install" if @snapshot == :fake}
      require "flock_of_chefs/chef"
    RUBY
  end
end

RSpec.shared_context "with chef" do
  before(:context) { @chef = ChefProcess.new }
  after(:context) { @chef.close }

  attr_reader :chef
end
