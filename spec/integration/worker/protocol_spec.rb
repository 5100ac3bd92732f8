# frozen_string_literal: true

require "support/worker_node"

# What the agent and a worker promise each other, with real processes.
RSpec.shared_examples "a worker process" do |warm:|
  before(:context) do
    @node = WorkerNode.new(warm:)
    @node.cookbook("cb", "recipes/default.rb" => recipe)
    @node.converge
  end

  # The node is shared, what an example leaves there is not.
  before do
    FileUtils.rm_f(%w[compiled block begun].map { |name| node.path(name) } + Dir.glob("#{node.data_dir}/results/*"))
  end

  after(:context) { @node.close }

  attr_reader :node

  def recipe
    <<~RUBY
      ::File.write('#{@node.path("compiled")}', '')
      ruby_block('block') { block { ::File.write('#{@node.path("block")}', '') }; action :nothing }
      ruby_block('blocks') { block { ::File.write('#{@node.path("begun")}', ''); sleep }; action :nothing }
      raise 'compile trouble: "a value"' if ::File.exist?('#{@node.path("break the compile")}')
    RUBY
  end

  def lock_chef
    File.open(node.snapshot["config"]["lockfile"], "a+") do |lock|
      expect(lock.flock(File::LOCK_EX | File::LOCK_NB)).to eq(0)
      yield
    end
  end

  # A worker that has compiled and waits.
  def compiled(key, action)
    job = node.job(key, action)
    pid, stdin = node.start(job)
    node.eventually("compile") { node.exist?("compiled") } unless node.warm?
    [job, pid, stdin]
  end

  it "does nothing and exits 0 if the agent goes away before it says go" do
    job, pid, stdin = compiled("ruby_block[block]", "run")
    stdin.close
    expect(node.wait_for_end(pid)).to be_success
    expect([job["result"], job["started"], node.path("block")].map { |path| File.exist?(path) }).to all(be(false))
  end

  it "takes nothing but go for a go" do
    job, pid, stdin = compiled("ruby_block[block]", "run")
    stdin.write("gone\n")
    expect(node.wait_for_end(pid)).to be_success
    expect(File.exist?(job["result"])).to be(false)
  end

  it "reports busy, without waiting, while a Chef run holds its lock" do
    lock_chef { expect(node.fire("ruby_block[block]", "run")).to include("status" => "busy", "updated" => false) }
    expect(node).not_to exist("block")
    expect(Dir.glob(File.join(node.data_dir, "results", "*.started"))).to be_empty
  end

  it "reports stale when a newer run has succeeded while it waited" do
    job, pid, stdin = compiled("ruby_block[block]", "run")
    current = File.read(job["current"])
    File.write(job["current"], (job["generation"] + 1).to_s)
    stdin.write("go\n")
    node.wait_for_end(pid)
    expect(node.result(job)).to include("status" => "stale", "job" => job["job"], "pid" => pid)
  ensure
    File.write(job["current"], current)
  end

  it "reports stale when its generation is gone" do
    job = node.job("ruby_block[block]", "run").merge("generation" => 999, "snapshot_dir" => "/nonexistent")
    File.write(File.join(node.data_dir, "jobs", "#{job["job"]}.json"), JSON.generate(job))
    pid, stdin = node.start(job.merge("generation" => node.generation))
    stdin.write("go\n")
    node.wait_for_end(pid)
    expect(node.result(job)).to include("status" => "stale")
  end

  it "leaves .started, and no result, when it is killed after it began" do
    job, pid, stdin = compiled("ruby_block[blocks]", "run")
    expect(File.exist?(job["started"])).to be(false)
    stdin.write("go\n")
    node.eventually("the action begins") { node.exist?("begun") }
    Process.kill(:KILL, pid)
    node.wait_for_end(pid)
    expect([File.exist?(job["started"]), File.exist?(job["result"])]).to eq([true, false])
  end

  it "leaves nothing when it is killed before it began" do
    job, pid, stdin = compiled("ruby_block[block]", "run")
    Process.kill(:KILL, pid)
    expect(node.wait_for_end(pid)).to be_signaled
    stdin.close
    expect([File.exist?(job["started"]), File.exist?(job["result"])]).to eq([false, false])
  end

  it "frees Chef's run lock when it is killed, and ends on TERM even if the agent ignores it" do
    job, pid, stdin = compiled("ruby_block[blocks]", "run")
    stdin.write("go\n")
    node.eventually("the action begins") { node.exist?("begun") }
    expect(node.fire("ruby_block[block]", "run")).to include("status" => "busy")
    Process.kill(:TERM, pid)
    expect(node.wait_for_end(pid).termsig).to eq(Signal.list["TERM"])
    expect(File.exist?(job["result"])).to be(false)
    lock_chef { nil }
  end

  it "reports compile_failed without quoting values" do
    node.retire_warm_worker # that compiled when all was well
    node.write("break the compile", "")
    expect(node.fire("ruby_block[block]", "run")).to include(
      "status" => "failed", "code" => "compile_failed", "message" => "RuntimeError: compile trouble: [hidden]"
    )
    expect(node.log).to include("a value")
  ensure
    FileUtils.rm_f(node.path("break the compile"))
  end

  it "keeps what it prints on the node, in files that only their owner reads" do
    node.fire("ruby_block[block]", "run")
    names = %w[worker.log
               snapshots/current] + ["snapshots/#{node.generation}/snapshot.json", "snapshots/#{node.generation}"] +
            Dir.glob("results/*.json", base: node.data_dir)
    modes = names.map { |name| File.stat(File.join(node.data_dir, name)).mode & 0o077 }
    expect(modes).to all(eq(0))
  end

  it "reports compile_failed when the snapshot's gems are gone" do
    ruby = node.snapshot["ruby"].merge("load_path" => [], "gem_path" => ["/nonexistent"], "gem_home" => "/nonexistent")
    job = node.job("ruby_block[block]", "run")
    node.retire_warm_worker
    pid, stdin = node.start(job, ruby: ruby)
    stdin.write("go\n")
    node.wait_for_end(pid)
    message = "LoadError: cannot load such file -- chef"
    expect(node.result(job)).to include("code" => "compile_failed", "message" => message)
  end

  it "does nothing about a job that it cannot read" do
    job = node.job("ruby_block[block]", "run")
    File.write(File.join(node.data_dir, "jobs", "#{job["job"]}.json"), "{}")
    if node.warm?
      expect { node.start(job) }.to raise_error(/no process/)
    else
      pid, = node.start(job)
      expect(node.wait_for_end(pid).exitstatus).to eq(2)
    end
    expect(node.log).to include("the job lacks job, key")
  end
end

RSpec.describe "The worker process" do
  context "when it is cold" do
    it_behaves_like "a worker process", warm: false
  end

  context "when it is warm" do
    it_behaves_like "a worker process", warm: true
  end
end
