# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require "socket"
require "timeout"
require "tmpdir"
require "flock_of_chefs/cli"

# Real knife processes; what they would have flockctl do is printed instead. With a flock:
# spec/acceptance/operator_spec.rb.
RSpec.describe "knife flock" do
  root = File.expand_path("../..", __dir__)
  # Knife's own program with flockctl's replaced by one that tells its arguments.
  script = <<~RUBY
    require "flock_of_chefs/cli"
    FlockOfChefs::CLI::Program.prepend(Module.new { def call(arguments) = (puts arguments.to_json; 5) })
    load Gem.bin_path("knife", "knife")
  RUBY

  define_method(:knife) do |*arguments, real: false|
    Dir.mktmpdir do |home|
      env = { "HOME" => home, "CHEF_LICENSE" => "accept-no-persist", "FLOCK_CONFIG" => "/nonexistent/agent.toml" }
      source = real ? 'load Gem.bin_path("knife", "knife")' : script
      command = [RbConfig.ruby, "-I#{root}/lib", "-rjson", "-e", source, "--", "flock", *arguments]
      out, err, status = Open3.capture3(env, *command, chdir: home)
      [out, err, status.exitstatus]
    end
  end

  def told(*arguments) = JSON.parse(knife(*arguments).first)

  # An agent that answers nothing; knife is at work once it has asked.
  define_method(:ended_by) do |signal, home|
    File.write(config = File.join(home, "agent.toml"), <<~TOML)
      name = "b1"
      data_dir = "#{home}"
      socket = "#{home}/agent.sock"
      [registry]
      url = "embedded"
    TOML
    UNIXServer.open("#{home}/agent.sock") do |agent|
      pid = spawn({ "HOME" => home, "CHEF_LICENSE" => "accept-no-persist" }, RbConfig.ruby, "-I#{root}/lib", "-e",
                  'load Gem.bin_path("knife", "knife")', "--", "flock", "nodes", "--flock-config", config,
                  chdir: home, out: File::NULL, err: File::NULL)
      Timeout.timeout(60) { 2.times { agent.accept } }
      Process.kill(signal, pid)
      Timeout.timeout(60) { Process.wait2(pid).last.exitstatus }.tap { pid = nil }
    ensure
      Process.kill("KILL", pid) && Process.wait(pid) if pid
    end
  end

  it "has every command of flockctl but those that are the program's own" do
    words = lambda do |node, path|
      own = node.command ? [path.join(" ")] : []
      node.children.reduce(own) { |all, (word, child)| all + words.call(child, path + [word]) }
    end
    all = words.call(FlockOfChefs::CLI.get([]).instance_variable_get(:@node), [])
    files = Dir[File.join(root, "lib/chef/knife/flock_*.rb")].map { |file| File.read(file)[/^ +flock "(.*)"/, 1] }
    expect(files).to match_array(all - %w[agent completion version])
  end

  it "hands over arguments and options as flockctl has them, and its exit code" do
    out, err, code = knife("run", "chef", "--role", "web,db", "--wait", "10m", "--why-run", "-F", "json", "--no-color")
    expect([JSON.parse(out), err, code])
      .to match [contain_exactly("run-chef", "--format=json", "--why-run", "--wait=10m", "--role=web,db"), anything, 5]
    expect(told("notify", "web1", "service[x y]", "restart"))
      .to eq(["notify", "--format=text", "web1", "service[x y]", "restart"])
    expect(told("leave", "-y", "--flock-config", "/x/agent.toml"))
      .to contain_exactly("leave", "--format=text", "--yes", "--config=/x/agent.toml")
  end

  it "hands over an option as often as it was given" do
    expect(told("nodes", "--tag", "a", "--tag", "b").last(2)).to eq(%w[--tag=a --tag=b])
    expect(told("join", "STRING", "--flock-listen", "")).to include("--listen=")
  end

  {
    %w[run chef --role web --environment production] => ["--environment", "--flock-environment"],
    %w[run chef --role web -E production] => ["--environment", "--flock-environment"],
    %w[join STRING --listen 0.0.0.0:1] => ["--listen", "--flock-listen"],
    %w[init --no-listen] => ["--listen", "--flock-listen"]
  }.each do |words, (knifes, ours)|
    it "does not drop what knife takes for itself: #{words.join(" ")}" do
      expect(knife(*words)).to match(["", /knife flock: #{knifes} is knife's own .* write #{ours}$/, 1])
    end
  end

  { "INT" => 130, "TERM" => 143 }.each do |signal, code|
    it "ends at SIG#{signal} as flockctl does, with #{code}" do
      Dir.mktmpdir { |home| expect(ended_by(signal, home)).to eq(code) }
    end
  end

  it "reads knife's formats as flockctl's" do
    formats = %w[summary pp yaml names].map { |format| told("nodes", "-F", format)[1] }
    expect(formats).to eq(%w[--format=text --format=text --format=yaml --format=names])
  end

  it "explains itself with flockctl's words" do
    out, = knife("notify", "--help", real: true)
    expect(out).to include("knife flock notify [NODE] [RESOURCE] [ACTION] (options)", "--wait VALUE", "Wait so long")
  end

  it "complains in one line and with flockctl's exit codes" do
    out, err, code = knife("nodes", real: true)
    expect([out, code]).to eq(["", 1])
    expect(err.lines.grep(/\Aknife flock: /)).to contain_exactly(/agent.toml.*join --operator/)
  end
end
