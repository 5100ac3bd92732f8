# frozen_string_literal: true

require "tmpdir"
require "flock_of_chefs/worker/launch"

RSpec.describe FlockOfChefs::Worker::Launch do
  let(:data_dir) { Dir.mktmpdir("flock-launch") }
  let(:ruby) do
    { "path" => "/opt/ruby", "load_path" => %w[/a /b], "gem_path" => %w[/g /h], "gem_home" => "/g",
      "env" => { "LANG" => "C" }, "cwd" => data_dir }
  end
  let(:job) { { "job" => "j1", "data_dir" => data_dir } }

  after { FileUtils.rm_rf(data_dir) }

  it "runs main.rb with the job's file by the run's Ruby" do
    _, argv, = described_class.command(job, ruby)
    expect(argv.first).to eq("/opt/ruby")
    expect(argv.last(2)).to eq([described_class::MAIN, File.join(data_dir, "jobs", "j1.json")])
    expect(File).to exist(described_class::MAIN)
  end

  it "takes the agent's event as it is" do
    event = { "type" => "run", "job" => "j1", "job_file" => "/data/jobs/j1.json" }
    _, argv, options = described_class.command(event, ruby)
    expect([argv.last, options[:out].first]).to eq(["/data/jobs/j1.json", "/data/worker.log"])
  end

  it "passes the run's environment and gems, and nothing of the agent's" do
    env, _, options = described_class.command(job, ruby)
    expect(env).to eq("LANG" => "C", "GEM_HOME" => "/g", "GEM_PATH" => "/g:/h", "FLOCK_LOAD_PATH" => "/a:/b")
    expect(options).to include(unsetenv_others: true, pgroup: true, close_others: true, chdir: data_dir)
  end

  it "starts a warm worker in the same way" do
    env, argv, options = described_class.warm("#{data_dir}/snapshots/3", data_dir, ruby)
    expect(argv.last(4)).to eq([described_class::MAIN, "--warm", "#{data_dir}/snapshots/3", data_dir])
    expect([env, options]).to eq(described_class.command(job, ruby).values_at(0, 2))
  end

  it "starts in / when the run's folder is gone" do
    expect(described_class.command(job, ruby.merge("cwd" => "/nonexistent")).last).to include(chdir: "/")
  end

  it "keeps the log small and private" do
    log = described_class.log_path(data_dir)
    File.write(log, "x" * (described_class::LOG_LIMIT_BYTES + 1))
    options = described_class.command(job, ruby).last
    Process.wait(Process.spawn("echo said; echo wrong >&2", **options.slice(:out, :err)))
    expect([File.read(log), File.stat(log).mode & 0o777]).to eq(["said\nwrong\n", 0o600])
    expect(File.size("#{log}.1")).to eq(described_class::LOG_LIMIT_BYTES + 1)
  end

  it "loads neither Chef nor native code into the agent" do
    script = 'require "flock_of_chefs/worker/launch"; exit(defined?(Chef) || defined?(FlockOfChefs::Native) ? 1 : 0)'
    expect(system(RbConfig.ruby, "-I", File.expand_path("../../../lib", __dir__), "-e", script)).to be(true)
  end
end
