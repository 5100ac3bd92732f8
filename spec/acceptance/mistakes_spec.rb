# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "rubygems"
require_relative "../support/fleet"
require_relative "../support/fleet/join_string"
require_relative "../support/guide/transcript"

# Ten mistakes of somebody who uses this for the first time, made with real processes. Each message says what to do, and
# stands in docs/troubleshooting.md as it is made here: FLOCK_TRANSCRIPTS=1 prints what belongs there.
RSpec.describe "ten mistakes", :acceptance, order: :defined do
  made = []

  before(:context) do
    @fleet = Fleet.new
    @hub = @fleet.hub("bender0")
    @web = @fleet.join("web1")
  end

  after(:context) { @fleet.close }

  attr_reader :fleet, :hub, :web

  # @return [Guide::Transcript] of what is typed on a node
  def on(node)
    @typed = Guide::Transcript.new(
      Fleet::ROOT => "/usr/local/src/flock_of_chefs", node.path("agent.toml") => "/etc/flock/agent.toml",
      node.path("data") => "/var/lib/flock", node.path("agent.sock") => "/run/flock/agent.sock",
      node.path("client.rb") => "/etc/chef/client.rb", node.path("cache") => "/var/chef/cache", fleet.dir => "/srv",
      "127.0.0.1:#{hub.port}" => "10.0.0.4:22222", "127.0.0.1:#{node.port}" => "0.0.0.0:22222"
    )
  end

  # Types a command of flockctl.
  #
  # @param shown [String] how the guide has it
  # @return [String] what it said
  def flockctl(node, *arguments, exit_code:, shown: arguments.join(" "), env: {})
    result = run(node.environment.merge(env), "ruby", "exe/flockctl", *arguments, "--config", node.path("agent.toml"))
    expect(result.exitstatus).to eq(exit_code), @said
    @typed.type("flockctl #{shown}", @said)
  end

  def run(env, *command, **options)
    @said, status = Open3.capture2e(env, "timeout", "-s", "KILL", "120", "bundle", "exec", *command,
                                    chdir: Fleet::ROOT, **options)
    status
  end

  # Types a command of flockctl as a user who may read nothing of the checkout, nor of the gems that it runs with.
  def as_nobody(*arguments)
    copy = File.join(fleet.dir, "copy")
    FileUtils.mkdir_p(copy)
    gem = Gem.loaded_specs.fetch("dry-cli").full_gem_path
    { Fleet::ROOT => %w[lib exe], gem => ["lib/dry"] }.each do |from, names|
      names.each { |name| FileUtils.cp_r(File.join(from, name), File.join(copy, File.dirname(name))) }
    end
    user = %w[setpriv --reuid=nobody --regid=nogroup --clear-groups env -i HOME=/nonexistent]
    @said, = Open3.capture2e(*user, RbConfig.ruby, "-I#{copy}/lib", "#{copy}/exe/flockctl", *arguments, chdir: "/")
  end

  after do |example|
    next if @typed.nil? || example.exception

    made << @typed.to_s
    warn("", "```console", @typed, "```") if ENV["FLOCK_TRANSCRIPTS"]
  end

  def transcripts
    Guide.examples("docs/troubleshooting.md").select { |one| one.language == "console" }.map(&:text)
  end

  it "1: a wrong token" do
    token = fleet.token
    new = fleet.add("web2")
    on(new)
    expect(flockctl(new, "join", token[..-3], exit_code: 1)).to include("not copied whole", "flockctl token create")
    expect(flockctl(new, "join", Fleet::JoinString.alter(token, t: "0" * 12), exit_code: 7))
      .to include("knows no such join token", "flockctl token create")
    fleet.add("web3").flockctl!("join", token)
    expect(flockctl(new, "join", token, exit_code: 7)).to include("used up", "flockctl token create")
  end

  it "2: a wrong name" do
    on(new = fleet.add("db1"))
    expect(flockctl(new, "join", fleet.token("--node", "web*"), exit_code: 7))
      .to include("names like web*, not db1", "flockctl token create --node db1")
    on_again = fleet.add("web1", dir: "namesake")
    expect(flockctl(on_again, "join", fleet.token, exit_code: 7)).to include("--replace", "choose another name")
    expect(flockctl(web, "call", "bneder0", "flock_api", "state", exit_code: 3))
      .to include("no node called bneder0", "`flockctl nodes` lists")
  end

  it "3: a port that is taken" do
    on(other = fleet.join("web4", start: false))
    other.edit("agent.toml") { |toml| toml.sub("127.0.0.1:#{other.port}", "127.0.0.1:#{hub.port}") }
    expect(flockctl(other, "agent", exit_code: 1)).to include("Address already in use", "change `listen`")
  end

  describe "4: no agent runs" do
    before { web.stop }
    after { web.start }

    it "as commands tell" do
      on(web)
      expect(flockctl(web, "nodes", exit_code: 4)).to include("systemctl start flock-agent")
      expect(flockctl(web, "notify", "bender0", "service[nginx]", "restart", "--format", "names", exit_code: 0))
        .to include("kept in the spool", "when the agent runs")
    end

    it "as a Chef run tells, and goes on" do
      on(web)
      recipe = "file '#{fleet.dir}/fubar' do\n  remote_notifies :run, 'execute[x]', node: 'bender0'\nend\n"
      said = web.converge!(recipe)
      line = said.text.lines.find { |one| one.include?("flock_of_chefs:") }[/WARN: .*/]
      expect(@typed.type("chef-client", line)).to include("until it is up", "systemctl start flock-agent")
    end
  end

  it "5: no rights" do
    skip "only root can become another user" unless Process.uid.zero?

    File.chmod(0o755, fleet.dir)
    on(web)
    as_nobody("nodes", "--config", web.path("agent.toml"))
    expect(@typed.type("flockctl nodes   # as somebody", @said)).to include("run as the agent's user or as root")
    expect(flockctl(web, "token", "create", exit_code: 7)).to include("run the command on one")
    hub.stop.edit("agent.toml") { |toml| "#{toml}\n[[allow]]\nfrom = \"lb*\"\ncall = [\"flock_api.*\"]\n" }
    hub.start
    Fleet.eventually("web1 is back at its hub") { web.flockctl("nodes", "bender0").success? }
    expect(flockctl(web, "call", "bender0", "flock_api", "state",
                    exit_code: 7)).to include("on bender0", "[[allow]]", "add one there")
  end

  # Of the gem as it is packed here; nothing is built, since something is missing.
  def gem_install(path: ENV.fetch("PATH"), ruby: [])
    file = File.join(fleet.dir, "flock_of_chefs.gem")
    home = File.join(fleet.dir, "gems")
    command = ["-rrubygems/gem_runner", "-e", "Gem::GemRunner.new.run(ARGV)", "install", "--local",
               "--ignore-dependencies", "--no-document", file]
    said, status = Bundler.with_unbundled_env do
      pack(file) unless File.exist?(file)
      Open3.capture2e({ "PATH" => path, "GEM_HOME" => home, "GEM_PATH" => home }, RbConfig.ruby, *ruby, *command)
    end
    expect(status.exitstatus).to eq(1), said
    said.gsub(file, "flock_of_chefs").lines.grep_v(/siteconf|current directory|gem_make|inspection/).join
  end

  def pack(file)
    said, status = Open3.capture2e("gem", "build", "flock_of_chefs.gemspec", "--output", file, chdir: Fleet::ROOT)
    raise said unless status.success?
  end

  def tools(*names)
    File.join(fleet.dir, "tools").tap do |dir|
      FileUtils.rm_rf(dir)
      FileUtils.mkdir_p(dir)
      names.each { |name| File.symlink(which(name), File.join(dir, name)) }
    end
  end

  def which(name)
    ENV.fetch("PATH").split(":").map { |dir| File.join(dir, name) }.find { |path| File.executable?(path) }
  end

  it "6: an old Ruby" do
    on(web)
    old = File.join(fleet.dir, "old.rb")
    File.write(old, "Gem.instance_variable_set(:@ruby_version, Gem::Version.new('2.7.8'))\n")
    said = gem_install(ruby: ["-r", old])
    expect(@typed.type("gem install flock_of_chefs", said)).to include("requires Ruby version >= 3.1")

    dir = tools("bash", "dirname", "cat", "realpath")
    File.write(File.join(dir, "ruby"), <<~SH, perm: 0o755)
      #!/bin/sh
      case "$*" in *exit*) exit 1 ;; *) printf 'Ruby 2.7.8' ;; esac
    SH
    said, status = Open3.capture2e({ "PATH" => dir, "SKIP_PACKAGES" => "1" }, "bash", "bin/setup", chdir: Fleet::ROOT)
    expect(status.exitstatus).to eq(1)
    expect(@typed.type("bin/setup   # in a checkout", said)).to include("Ruby 2.7.8 is too old", "3.1 or newer", "PATH")
  end

  it "7: no compiler" do
    on(web)
    said = gem_install(path: tools("env"))
    said = said.gsub(/^  (?:libclang|Ruby's headers).*\n/, "").sub(/\(\S*gcc\)/, "(gcc)") # may be there or not
    expect(@typed.type("gem install flock_of_chefs", said))
      .to include("rustup.rs", "apt-get install clang", "apt-get install build-essential")
  end

  it "8: a clock that is off" do
    on(late = fleet.add("web5"))
    clock = { "FLOCK_TEST_CLOCK" => late.path("clock") }
    { 3_600_000 => "timedatectl set-ntp true", -3_600_000 => "is slow; set it" }.each do |offset_ms, remedy|
      File.write(late.path("clock"), offset_ms.to_s)
      expect(flockctl(late, "join", fleet.token, exit_code: 7, env: clock)).to include(remedy)
    end
  end

  it "9: a typing error, in agent.toml and in a recipe" do
    on(web)
    before = File.read(web.path("agent.toml"))
    web.edit("agent.toml") { |toml| toml.sub("tags =", "tgas =") }
    expect(flockctl(web, "status", exit_code: 1)).to include("agent.toml:5:", "did you mean `tags`")
    File.write(web.path("agent.toml"), before)

    said = web.converge("file '#{fleet.dir}/fubar' do\n  remote_notifies :run, 'execute[x]', ndoe: 'bender0'\nend\n")
    line = said.text.lines.find { |one| one.include?("remote_notifies of") }
    expect(@typed.type("chef-client", line)).to include("default.rb:2", "did you mean node:")
  end

  it "10: two agents, on one machine and of one name" do
    on(web)
    expect(flockctl(web, "agent", exit_code: 1)).to include("already runs", "stop it first")
    copy = fleet.add("web1", dir: "copy")
    FileUtils.cp_r(web.path("data"), copy.path)
    FileUtils.rm_f(copy.path("data/agent.lock"))
    copy.edit("machine-id") { "#{"f" * 32}\n" }
    expect(flockctl(copy, "agent", exit_code: 1, shown: "agent   # on a machine that was cloned"))
      .to include("made on another machine", "flockctl join STRING --replace")
  end

  # A group, since groups come after examples.
  describe "their transcripts" do
    it "stand in docs/troubleshooting.md, word by word" do
      skip "only after all others" unless made.size == 11
      expect(made).to match_array(transcripts)
    end
  end
end
