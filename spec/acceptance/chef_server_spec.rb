# frozen_string_literal: true

require "tmpdir"
require "support/chef_server/machine"

# The story of three machines that are clients of a real Chef server; each example goes on where the one before ended.
RSpec.describe "nodes of a Chef server", :acceptance, order: :defined do
  before(:context) do
    @dir = Dir.mktmpdir("flock")
    @gem = CookbookMachine.pack_gem(@dir)
    @server = ChefServer.new(File.join(@dir, "server").tap { |path| Dir.mkdir(path) })
    @sender = ChefServer::Machine.new(File.join(@dir, "sender"), "bender0", @server)
    @target = ChefServer::Machine.new(File.join(@dir, "target"), "bender1", @server)
    @policy = ChefServer::Machine.new(File.join(@dir, "policy"), "bender2", @server, policy: %w[app production])
  end

  after(:context) do
    [@sender, @target, @policy, @server].compact.each(&:close)
    FileUtils.rm_rf(@dir) unless ENV["FLOCK_KEEP"]
  end

  attr_reader :server, :sender, :target, :policy

  def source = { gem: { source: @gem } }
  def oracle = File.join(@dir, "oracle")
  def fired = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  def marking(word)
    "execute('mark') { command 'echo #{word} >> #{oracle}'; action :nothing }\n"
  end

  def notifying(options)
    <<~RUBY
      file '#{@dir}/trigger' do
        content '#{rand}'
        remote_notifies :run, 'execute[mark]', #{options}
      end
    RUBY
  end

  # @param item [String] an item of the data bag "flock"
  def put_token(item)
    server.data_bag_item("flock", { id: item, token: sender.flockctl("token", "create").lines.last.strip })
  end

  def fires_in(machine)
    answer = sender.flockctl("notify", machine.name, "execute[mark]", "run", "--wait", "60")
    expect(answer).to include("done")
  end

  it "register by their keys, and found a flock" do
    sender.converge!("", hub: true, **source)
    expect(File).to exist(sender.client_key)
    expect(server.get("clients")).to include("bender0")
    expect(server.get("nodes/bender0")["run_list"]).to eq(["recipe[flock_of_chefs]", "recipe[app]"])
  end

  it "join by a token of a data bag, and notify each other" do
    put_token("join")
    target.converge!(marking("bender1"), join: { data_bag: "flock" }, **source)
    sender.converge!(notifying("node: 'bender1', wait: 60"), hub: true, **source)
    expect(fired).to eq(["bender1"])
  end

  it "are found by a search of the server" do
    sender.converge!(notifying("query: 'recipes:app AND NOT name:bender0', wait: 60"), hub: true, **source)
    expect(fired).to eq(%w[bender1 bender1])
    nobody = sender.converge!(notifying("query: 'name:nobody'"), hub: true, **source)
    expect(nobody.output).to include("no node matches")
  end

  it "are found by their policy, and search again when their recipes are compiled for a notification" do
    put_token("policy")
    locks = %w[flock_of_chefs app].to_h do |name|
      version = name == "app" ? "1.0.0" : FlockOfChefs::VERSION
      [name, { version:, identifier: "a" * 40, dotted_decimal_identifier: version }]
    end
    server.data_bag_item("policyfiles", { id: "app-production", name: "app", revision_id: "1" * 40,
                                          run_list: %w[recipe[flock_of_chefs::default] recipe[app::default]],
                                          cookbook_locks: locks })
    policy.converge!(<<~RUBY, join: { data_bag: "flock", item: "policy" }, **source)
      others = search(:node, 'name:bender*').map(&:name).sort
      execute 'mark' do
        command "echo \#{others.join(',')} >> #{oracle}"
        action :nothing
      end
    RUBY
    sender.converge!(notifying("policy_name: 'app', policy_group: 'production', wait: 60"), hub: true, **source)
    expect(fired.drop(2)).to eq(["bender0,bender1,bender2"])
  end

  it "need no server for what is fired: neither a worker that is there, nor one that must compile the snapshot" do
    server.close
    fires_in(target)

    target.restart
    fires_in(target)
    expect(fired.last(2)).to eq(%w[bender1 bender1])
  end
end
