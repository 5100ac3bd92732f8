# frozen_string_literal: true

require "json"
require "support/worker_chef"
require "flock_of_chefs/run/snapshot"

RSpec.describe FlockOfChefs::Run::Snapshot do
  let(:root) { Dir.mktmpdir("flock-snapshot") }
  let(:data_dir) { File.join(root, "flock") }
  let(:snapshots) { File.join(data_dir, "snapshots") }
  let(:node) do
    Chef::Node.new.tap do |node|
      node.name("bender1")
      node.run_list("recipe[cb]")
    end
  end
  let(:expansion) { Struct.new(:recipes, :roles).new(["cb"], ["web"]) }

  before do
    write("cb/metadata.rb", "name 'cb'\nversion '1.2.3'\n")
    write("cb/recipes/default.rb", "# nothing\n")
    write("cb/ohai/plugin.rb", "raise\n")
    @config = Chef::Config.save
    Chef::Config[:why_run] = false
  end

  after do
    Chef::Config.restore(@config)
    FileUtils.rm_rf(root)
  end

  def write(name, content)
    path = File.join(root, "cookbooks", name)
    FileUtils.mkdir_p(File.dirname(path))
    File.binwrite(path, content)
  end

  # Time stamps of the past: what has just been written is read again by the next run.
  def settle = allow(Time).to(receive(:now).and_return(Time.at(Process.clock_gettime(Process::CLOCK_REALTIME) + 60)))

  def save(number = 1, **options)
    run_context = WorkerChef.run_context(cookbook_path: File.join(root, "cookbooks"), node: node)
    described_class.save(run_context: run_context, run_status: nil, expansion: expansion, data_dir: data_dir,
                         number: number, run_id: "id", **options)
  end

  def facts(number = 1) = JSON.parse(File.read(File.join(snapshots, number.to_s, "snapshot.json")))

  def current = File.read(File.join(snapshots, "current"))

  def stored = Dir.glob(File.join(snapshots, "files", "*", "*"))

  def copied(number, name) = File.join(snapshots, number.to_s, "cookbooks", name)

  it "returns the generation and makes it current" do
    expect(save(12)).to eq(12)
    expect(current).to eq("12")
    expect(facts(12)).to include("generation" => 12, "run_number" => 12, "run_id" => "id", "node" => "bender1",
                                 "chef_version" => Chef::VERSION, "recipes" => ["cb::default"], "roles" => ["web"],
                                 "run_list" => ["recipe[cb]"], "environment" => "_default", "temporary" => false,
                                 "cookbooks" => [{ "name" => "cb", "version" => "1.2.3", "dir" => "cookbooks/cb" }])
    expect(JSON.parse(File.read(File.join(snapshots, "12",
                                          "cards.json")))).to include("generation" => 12, "cards" => [])
  end

  def subscriptions(number = 1) = JSON.parse(File.read(File.join(snapshots, number.to_s, "subscriptions.json")))

  it "has what the run subscribes to, before the generation is current" do
    allow(FlockOfChefs::Run::Files).to receive(:replace).and_wrap_original do |original, path, data|
      @found = subscriptions if path.end_with?("/current")
      original.call(path, data)
    end
    entry = { "id" => "0" * 32, "key" => "execute[x]", "action" => "run", "timing" => "delayed" }
    recorded = instance_double(FlockOfChefs::Recipe::Subscriptions, to_a: [entry], actions: { "execute[x]" => ["run"] })
    allow(FlockOfChefs::Recipe::Subscriptions).to receive(:find).and_return(recorded)
    save
    expect(@found).to eq("generation" => 1, "subscriptions" => [entry])
    expect(File.stat(File.join(snapshots, "1", "subscriptions.json")).mode & 0o777).to eq(0o600)
  end

  it "says so when the run subscribes to nothing" do
    save(3)
    expect(subscriptions(3)).to eq("generation" => 3, "subscriptions" => [])
  end

  it "trap 7: keeps attributes by level, without the levels that cookbooks make" do
    node.default["a"] = 1
    node.force_default["b"] = 1
    node.role_default["c"] = { "d" => [1] }
    node.normal["e"] = "ö"
    node.automatic["recipes"] = %w[cb cb::default cb::included]
    save
    expect(facts["attributes"]).to include(
      "role_default" => { "c" => { "d" => [1] } }, "env_default" => {}, "role_override" => {}, "env_override" => {},
      "normal" => include("e" => "ö"), "automatic" => include("recipes" => %w[cb cb::default])
    )
    expect(facts["attributes"].keys).not_to include("default", "force_default")
    expect(node.automatic["recipes"]).to eq(%w[cb cb::default cb::included])
  end

  it "keeps attributes that JSON cannot hold as well as it can" do
    node.automatic["gecos"] = "caf\xE9".b
    node.automatic["load"] = Float::NAN
    save
    expect(facts["attributes"]["automatic"]).to include("gecos" => "caf\uFFFD", "load" => nil)
  end

  it "takes the run list's recipes without an expansion" do
    save(1, expansion: nil)
    expect(facts["recipes"]).to eq(["cb::default"])
  end

  it "copies each content once, without Ohai plugins, for its owner only" do
    write("cb/files/a", "same")
    write("cb/files/b", "same")
    save
    expect(File.read(File.join(copied(1, "cb"), "files", "a"))).to eq("same")
    expect(stored.size).to eq(4) # a = b, metadata.rb, metadata.json, the recipe
    expect(File).not_to exist(File.join(copied(1, "cb"), "ohai"))
    modes = Dir.glob(File.join(snapshots, "**", "*"), File::FNM_DOTMATCH).map { |path| File.stat(path).mode & 0o077 }
    expect(modes).to all(eq(0))
  end

  it "leaves out what Chef does not count as a cookbook's file" do
    write("cb/.git/config", "x")
    write("cb/chefignore", "ignored*\n")
    write("cb/ignored.txt", "x")
    save
    expect(Dir.children(copied(1, "cb"))).to match_array(%w[metadata.rb metadata.json recipes chefignore])
  end

  it "says what the cookbook was even if its metadata.rb cannot be read again" do
    write("cb/metadata.rb", "name 'cb'\nversion IO.read(File.join(__dir__, '..', 'VERSION')).strip\n")
    write("VERSION", "3.0.0\n")
    save
    expect(JSON.parse(File.read(File.join(copied(1, "cb"), "metadata.json")))).to include("version" => "3.0.0")
  end

  it "trap 8: is not changed by what is written over a cookbook's file later" do
    save
    File.write(File.join(root, "cookbooks", "cb", "recipes", "default.rb"), "changed in place\n")
    expect(File.read(File.join(copied(1, "cb"), "recipes", "default.rb"))).to eq("# nothing\n")
  end

  it "reads no cookbook file again when nothing has changed" do
    settle
    save(1)
    allow(File).to receive(:binread).and_call_original
    save(2)
    expect(File).not_to have_received(:binread)
    expect(File.realpath(copied(2, "cb"))).to eq(File.realpath(copied(1, "cb")))
  end

  it "reads a file that changed within its last second again, even if nothing else tells" do
    save(1)
    allow(File).to receive(:binread).and_call_original
    save(2)
    expect(File).to have_received(:binread).at_least(:once)
  end

  it "copies only what changed" do
    settle
    save(1)
    inodes = stored.to_h { |path| [path, File.stat(path).ino] }
    write("cb/recipes/default.rb", "# changed\n")
    save(2)
    expect((stored - inodes.keys).size).to eq(1)
    expect(inodes).to all(satisfy { |path, inode| File.stat(path).ino == inode })
    expect(File.read(File.join(copied(2, "cb"), "recipes", "default.rb"))).to eq("# changed\n")
  end

  it "keeps two generations, and collects what neither uses" do
    (1..3).each do |number|
      write("cb/recipes/default.rb", "# #{number}\n")
      save(number)
    end
    expect(Dir.children(snapshots).grep(/\A\d/)).to match_array(%w[2 3])
    expect(stored.map { |path| File.read(path) }.grep(/\A# \d/)).to contain_exactly("# 2\n", "# 3\n")
    expect(Dir.children(File.join(snapshots, "trees")).size).to eq(2)
  end

  it "survives a crash while the last one was written" do
    save(1)
    FileUtils.mkdir_p(File.join(snapshots, ".new-2", "cookbooks"))
    File.symlink("nowhere", File.join(snapshots, ".new-2", "cookbooks", "cb"))
    FileUtils.mkdir_p(File.join(snapshots, "7")) # renamed, but never made current
    File.write(File.join(snapshots, "index.json"), "{")
    expect(save(2)).to eq(2)
    expect(Dir.children(snapshots).grep(/\A\d|new/)).to match_array(%w[1 2])
  end

  it "leaves the current generation alone when it fails" do
    save(1)
    allow(FlockOfChefs::Run::Cards).to receive(:collect).and_raise("broken")
    expect { save(2) }.to raise_error("broken")
    expect([current, File.directory?(File.join(snapshots, "2"))]).to eq(["1", false])
  end

  it "saves nothing while another run of this node saves" do
    save(1)
    File.open(File.join(snapshots, ".lock")) do |lock|
      lock.flock(File::LOCK_EX)
      expect(save(2)).to be_nil
    end
    expect(current).to eq("1")
  end

  it "saves nothing of a why-run" do
    Chef::Config[:why_run] = true
    expect(save).to be_nil
  end

  it "saves nothing of a run in Target Mode" do
    Chef::Config.target_mode.enabled = true
    expect(save).to be_nil
  ensure
    Chef::Config.target_mode.enabled = false
  end

  it "does not let a run with a temporary run list replace a whole one's" do
    node.override_runlist = [Chef::RunList::RunListItem.new("recipe[cb]")]
    expect([save(1), save(2)]).to eq([1, 2])
    node.override_runlist = []
    allow(node).to receive(:override_runlist_set?).and_return(false, false, true)
    expect([save(3), save(4)]).to eq([3, nil])
    expect(current).to eq("3")
  end

  it "knows how to start this Ruby again, without Bundler" do
    stub_const("ENV",
               ENV.to_h.merge("RUBYOPT" => "-rx", "BUNDLE_GEMFILE" => "x", "SSH_AUTH_SOCK" => "x",
                              "CITY" => "New York"))
    save
    expect(facts["ruby"]).to include("path" => RbConfig.ruby, "gem_path" => Gem.path, "gem_home" => Gem.dir)
    expect(facts["ruby"]["env"]).to include("CITY" => "New York", "PATH" => ENV.fetch("PATH"))
    expect(facts["ruby"]["env"].keys).not_to include("RUBYOPT", "BUNDLE_GEMFILE", "SSH_AUTH_SOCK")
    expect(facts["ruby"]["load_path"]).to include(File.expand_path("../../../lib", __dir__))
  end
end
