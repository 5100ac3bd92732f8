# frozen_string_literal: true

require "json"
require "open3"
require "openssl"
require "support/cookbook/bare_machines"
require "support/fleet/join_string"

# The story of three bare machines, in order; each example goes on where the one before ended.
RSpec.describe "the cookbook on bare machines", order: :defined do
  include_context "with bare machines"

  it "has the words say that they do nothing while the gem is not there" do
    run = hub.converge(<<~RUBY, run_list: "recipe[app]")
      file '#{@dir}/early' do
        remote_notifies :run, 'execute[x]', node: 'bender1'
      end
    RUBY
    expect(run.output).to include("undefined method `remote_notifies'") # the cookbook is not in the run

    run = hub.converge!(<<~RUBY, run_list: "recipe[app],recipe[flock_of_chefs]", enabled: false)
      file '#{@dir}/early' do
        remote_notifies :run, 'execute[x]', node: 'bender1'
        wait_until { FlockOfChefs['bender1'][:api].ready? }
        content FlockOfChefs['bender1'][:api].word.to_s
      end
    RUBY
    said = run.output.scan(/flock_of_chefs: remote_notifies of file\S* does nothing: the gem is not installed yet/)
    expect(said.size).to eq(1), run.output
    expect(run.output).to include('flock_of_chefs: FlockOfChefs["bender1"][:api].word does nothing')
    expect(run.output).to include("flock_of_chefs is not enabled on this node")
    expect(Dir.children(hub.path("gems"))).to be_empty
    expect(hub.systemctl_calls).to be_empty
  end

  it "says in a why-run on a bare machine what it would do" do
    run = hub.converge!(marking, "--why-run", hub: true, join: { file: "/nonexistent" }, **source)
    expect(run.output).to include("Would install version", "Would create new file #{hub.path("etc/agent.toml")}",
                                  "Would create new file #{hub.unit}", "Would join the flock as bender0")
    expect([hub.unit, hub.path("etc"), hub.path("data")].select { |path| File.exist?(path) }).to eq([])
    expect([Dir.children(hub.path("gems")), hub.systemctl_calls]).to eq([[], []])
  end

  it "founds a flock in the first run, whose later recipes have the words" do
    run = hub.converge!(<<~RUBY, hub: true, **source)
      #{marking}
      ruby_block 'told' do
        block {}
        remote_notifies :run, 'execute[later]', node: 'bender1'
      end
      file '#{@dir}/asked' do
        content lazy { FlockOfChefs.me.presence }
      end
    RUBY
    expect(hub.systemctl_calls)
      .to eq(["daemon-reload", "enable flock-agent.service", "start flock-agent.service"]), run.output
    expect(JSON.parse(hub.flockctl("notifications", "list", "--format", "json")).map { |one| one["key"] })
      .to eq(["execute[later]"])
    expect(File.read(File.join(@dir, "asked"))).to eq("alive")
    expect(hub.read("data/snapshots/current").to_i).to be_positive
    expect(File.stat(hub.path("etc/agent.toml")).mode & 0o777).to eq(0o600)
    expect(run.output.lines.grep(/(?:WARN|ERROR|FATAL)/)).to eq([])
  end

  it "changes nothing in the next run, which has the words from client.d" do
    run = hub.converge!(marking, hub: true, **source)
    expect(run.updated).to eq(0), run.output
    expect(hub.systemctl_calls).to be_empty

    told = "ruby_block('told') { block {}; remote_notifies :run, 'execute[again]', node: 'bender1' }"
    hub.converge!("#{marking}\n#{told}", run_list: "recipe[app]")
    expect(hub.flockctl("notifications", "list")).to include("execute[again]")
  end

  it "loads the version that it is configured to, not the newest that is installed" do
    FileUtils.mkdir_p(hub.path("gems/gems/flock_of_chefs-9.9.9/lib/flock_of_chefs"))
    hub.write("gems/gems/flock_of_chefs-9.9.9/lib/flock_of_chefs/chef.rb", "raise 'the newest gem was loaded'\n")
    hub.write("gems/specifications/flock_of_chefs-9.9.9.gemspec", <<~RUBY)
      Gem::Specification.new("flock_of_chefs", "9.9.9") { |s| s.summary = s.author = "x"; s.files = [] }
    RUBY
    run = hub.converge!(marking, hub: true, **source)
    expect(run.updated).to eq(0), run.output
  ensure
    FileUtils.rm_rf(Dir[hub.path("gems/*/flock_of_chefs-9.9.9*")])
  end

  it "does nothing where it is not enabled, though the gem is there" do
    run = hub.converge!(<<~RUBY, enabled: false, hub: true, **source)
      file '#{@dir}/early' do
        content "\#{FlockOfChefs['bender0'][:flock_api].active.inspect} of nobody"
        remote_notifies :run, 'execute[never]', node: 'bender1'
        wait_until { raise 'is not asked' }
      end
    RUBY
    expect(run.output.scan("not enabled on this node").size).to eq(1)
    expect(File.read(File.join(@dir, "early"))).to eq("nil of nobody")
    expect(hub.flockctl("notifications", "list")).not_to include("execute[never]")
    expect(hub.systemctl_calls).to be_empty
    run = hub.converge!(marking, hub: true, join: { string: new_token }, **source)
    expect(run.output).not_to include("nothing joined") # the join string is of its own flock
  end

  it "writes a unit that systemd takes" do
    skip "systemd-analyze is not installed (Debian: systemd)" unless system("command -v systemd-analyze >/dev/null")
    said, status = Open3.capture2e("systemd-analyze", "verify", "--man=no", hub.unit)
    expect(status.success?).to be(true), said
    expect(said).not_to include("flock-agent")
  end

  it "says why it could not join, and prints the token nowhere" do
    wrong = Fleet::JoinString.alter(new_token, s: "A" * 43)
    member.write("token", "#{wrong}\n")
    run = member.converge(notifying("first"), "-l", "debug", join: { file: member.path("token") }, **source)
    expect(run.status).not_to be_success
    expect(run.output).to match(/flock_join\[default\].* flockctl join ended with \d+: .*token/)
    expect(run.output.lines.grep(/#{Regexp.escape(wrong)}/)).to eq([])

    run = member.converge(notifying("first"), join: { string: wrong }, **source)
    expect(run.output).to match(/flock_join\[default\].* flockctl join ended with \d+: .*token/)
    expect(run.output).not_to include(wrong)
    member.systemctl_calls
  end

  it "goes on without the flock where it is told to, tries again, and leaves behind what failed" do
    join = { file: member.path("absent"), retries: 1, retry_delay: 0, ignore_failure: true }
    run = member.converge!("file('#{@dir}/later')", join:, **source)
    expect(run.output).to include("tried again in 0 s", "ignore_failure is set, continuing")
    expect(File.exist?(File.join(@dir, "later"))).to be(true)
    left = /\A\d{4}-\S+Z flock_join\[default\]: the file \S+absent holds no join string; `flockctl token create` .*\n\z/
    expect(member.read("data/join_failed")).to match(left)

    run = member.converge!("", join:, **source)
    expect(run.output).to match(/not started, since this node is in no flock yet: the last try failed \(\d{4}-/)
  end

  it "joins with a token of an encrypted data bag, once, and starts the agent" do
    token = new_token
    member.write("secret", "of the test")
    File.write(member.path("client.rb"), "encrypted_data_bag_secret '#{member.path("secret")}'\n", mode: "a")
    item = Chef::EncryptedDataBagItem.encrypt_data_bag_item({ "id" => "join", "token" => token }, "of the test")
    member.write("repo/data_bags/flock/join.json", JSON.generate(item))
    run = member.converge!(notifying("first"), "-l", "info", join: { file: nil, data_bag: "flock" }, **source)
    expect(run.output).to include("join the flock as bender1")
    expect(run.output.lines.grep(/#{Regexp.escape(token)}/)).to eq([])
    expect(member.systemctl_calls).to eq(["start flock-agent.service"])
    expect(File.exist?(member.path("data/join_failed"))).to be(false)
    Fleet.eventually("the notification of the first run arrives") { fired == ["marked"] }

    FileUtils.rm_rf(member.path("repo/data_bags"))
    again = member.converge!(notifying("first"), join: { data_bag: "flock" }, **source)
    expect(again.updated).to eq(0), again.output
  end

  it "joins with a token of a vault" do
    key = OpenSSL::PKey::RSA.new(2048)
    third.write("client.pem", key.to_pem)
    File.write(third.path("client.rb"), "client_key '#{third.path("client.pem")}'\n", mode: "a")
    sealed = [key.public_encrypt("of the vault")].pack("m")
    third.vault("flock", { "id" => "join", "token" => new_token }, "of the vault", bender2: sealed)
    run = third.converge!(with_nested_rule(third), join: { vault: "flock" }, **source)
    expect(run.output).to include("join the flock as bender2")
    expect(File.read(File.join(@dir, "early"))).to end_with(%(from = "nobody yet"\ncall = ["*"]\n))
    expect(third.read("etc/agent.toml")).to end_with(%([[allow]]\nfrom = "bender*"\ncall = ["human_api.*"]\n))
    Fleet.eventually("the hub knows it") { hub.flockctl("nodes", "--format", "names").include?("bender2") }
  end

  it "writes rules and tags of all recipes, and restarts the agent once" do
    member.systemctl_calls
    recipe = <<~RUBY
      flock_tag 'blue'
      flock_allow('restarts') { from 'bender*'; resource 'service[*]'; actions %i(restart reload) }
      flock_allow('api') { from '*'; call 'human_api.*' }
      flock_allow('nobody') { resource '*'; actions '*'; only_if { false } }
      flock_api('human') { content "class Human\\n  include FlockOfChefs::Api\\n  api_name :human_api\\n  expose :count\\n  def count = 42\\nend\\n" }
    RUBY
    member.converge!(recipe, **source)
    expect(member.systemctl_calls).to eq(["try-restart flock-agent.service"])
    expect(member.read("etc/agent.toml")).to end_with(<<~TOML)
      [[allow]]
      from = "*"
      call = ["human_api.*"]

      [[allow]]
      from = "bender*"
      resource = "service[*]"
      actions = ["restart", "reload"]
    TOML
    expect(hub.flockctl("nodes", "--format", "json")).to include('"blue"')
    Fleet.eventually("the API answers") do
      hub.try_flockctl("call", "bender1", "human_api", "count").output.include?("42")
    end
    expect(member.converge!(recipe, **source).updated).to eq(0)
    expect(member.systemctl_calls).to be_empty
  end

  it "leaves agent.toml alone where what the recipes make of it is refused" do
    before = member.read("etc/agent.toml")
    refused = member.converge("", settings: { "listne" => "127.0.0.1:1" }, **source)
    expect(refused.status).not_to be_success
    expect(refused.output).to match(/agent\.toml is left as it is, since .* is refused: .*listne/)
    expect(member.read("etc/agent.toml")).to eq(before)
  end

  it "makes no hub of a member" do
    refused = member.converge("", hub: true, **source)
    expect(refused.output).to match(/this node is a member of the flock \S+, and `hub` is true here/)
    expect(member.read("etc/agent.toml")).not_to include("[registry]")
  end

  it "leaves the rules alone when a run fails before it has seen them" do
    before = member.read("etc/agent.toml")
    failed = member.converge("ruby_block('fails') { block { raise 'on purpose' } }\nflock_tag 'green'\n", **source)
    expect(failed.status).not_to be_success
    expect(failed.output).to include("on purpose")
    expect(member.read("etc/agent.toml")).to eq(before)
  end

  it "removes what it has written but for the data" do
    member.converge!("edit_resource(:flock_agent, 'default') { action :remove }", **source)
    expect(member.systemctl_calls).to eq(["stop flock-agent.service", "disable flock-agent.service", "daemon-reload"])
    written = [member.unit, member.path("etc/agent.toml"), member.path("client.d/flock_of_chefs.rb"),
               member.path("bin/flockctl")]
    expect(written.select { |file| File.exist?(file) }).to eq([])
    expect(File.exist?(member.path("data/identity/identity.json"))).to be(true)
  end

  it "founds no second flock in the place of one whose keys are lost, unless it is told to" do
    founded = JSON.parse(hub.read("etc/founded.json"))["flock_id"]
    expect(hub.flockctl("status", "--format", "json")).to include(founded)
    old = new_token
    hub.close
    FileUtils.rm_rf([hub.path("data"), hub.path("etc")]) # the Chef node remembers it
    run = hub.converge(marking, hub: true, **source)
    expect(run.status).not_to be_success
    expect(run.output).to include("this node has founded the flock #{founded}, whose keys are not in #{hub.dir}/data",
                                  "`flockctl restore FILE`", "`found_anew '#{founded}'`")
    expect(File.exist?(hub.path("data/identity"))).to be(false)

    run = hub.converge!(marking, hub: true, found_anew: founded, join: { string: old }, **source)
    expect(run.output).to match(/WARN.* nothing joined: this node is the hub of a flock of its own/)
    anew = JSON.parse(hub.read("etc/founded.json"))["flock_id"]
    expect(anew).not_to eq(founded)
    expect(hub.flockctl("status", "--format", "json")).to include(anew), run.output

    hub.close
    FileUtils.rm_rf(hub.path("data"))
    run = hub.converge(marking, hub: true, found_anew: founded, **source)
    expect(run.output).to include("this node has founded the flock #{anew}")
  end
end
