# frozen_string_literal: true

require "fileutils"
require "json"
require "open3"
require "tmpdir"
require "flock_of_chefs/agent/warm_process"
require "flock_of_chefs/worker/launch"

# A node of its own for the examples of the worker: a Chef repository, real runs of chef-client in local mode that leave
# snapshots, and real workers, cold ones or, as the agent starts it, one warm one per generation.
class WorkerNode
  LIB = File.expand_path("../../lib", __dir__)
  DEADLINE_SECONDS = 60

  # What Chef's runs of these examples load in place of the event subscriber: the snapshot only, by a report handler.
  CLIENT_RB = <<~RUBY
    $LOAD_PATH.unshift(%<lib>p) unless $LOAD_PATH.include?(%<lib>p)
    require "flock_of_chefs"
    require "chef/handler"
    require "chef/event_dispatch/base"
    require "flock_of_chefs/run/snapshot"
    node_name "bender1"
    chef_license "accept-no-persist"
    cache_path %<root>p
    cookbook_path %<cookbooks>p
    class SavesSnapshot < Chef::EventDispatch::Base
      def run_list_expanded(expansion) = @expansion = expansion

      def run_completed(_node, run_status)
        FlockOfChefs::Run::Snapshot.save(run_context: run_status.run_context, run_status: run_status,
          expansion: @expansion, data_dir: %<data_dir>p, number: Integer(ENV.fetch("RUN_NUMBER")), run_id: run_status.run_id)
      end
    end
    File.write(File.join(%<root>p, "client_rb_was_read"), "")
    event_handlers << SavesSnapshot.new
  RUBY

  # The end that is told "go", whichever kind of worker is behind it.
  Line = Struct.new(:line) do
    def write(text) = line.write(text)
    def close = line.close_write
  end

  # As much of a Process::Status as the examples look at.
  WarmStatus = Struct.new(:exitstatus, :termsig) do
    def success? = exitstatus == 0
    def signaled? = !termsig.nil?
  end

  attr_reader :root, :data_dir

  # @param warm [Boolean] whether the workers are warm ones
  def initialize(warm: false)
    @warm = warm
    @processes = {}
    @children = {}
    @root = Dir.mktmpdir("flock-node")
    @data_dir = path("flock")
    @run = 0
    @jobs = 0
    @pids = []
    %w[jobs results].each { |name| FileUtils.mkdir_p(File.join(data_dir, name)) }
    write("client.rb", format(CLIENT_RB, lib: LIB, root: root, cookbooks: path("cookbooks"), data_dir: data_dir))
  end

  def close
    @pids.each { |pid| stop(pid) }
    @children.each_value { |child| child.signal(:KILL) }
    @processes.each_value(&:kill)
    FileUtils.rm_rf(root)
  end

  def path(*names) = File.join(root, *names)

  def write(name, content)
    FileUtils.mkdir_p(File.dirname(path(name)))
    File.write(path(name), content)
  end

  def read(name) = File.read(path(name))

  def exist?(name) = File.exist?(path(name))

  # Writes a cookbook.
  def cookbook(name, files)
    write("cookbooks/#{name}/metadata.rb", "name '#{name}'\nversion '1.0.0'\n")
    files.each { |file, content| write("cookbooks/#{name}/#{file}", content) }
  end

  # A real run.
  def converge(run_list = "recipe[cb]", *arguments, env: {})
    @run += 1
    command = ["chef-client", "-z", "-c", path("client.rb"), "-r", run_list, "--no-color", *arguments]
    output, status = Open3.capture2e({ "RUN_NUMBER" => @run.to_s, "HOME" => root, **env }, *command, chdir: root)
    raise "chef-client failed:\n#{output}" unless status.success?

    output
  end

  def generation = Integer(File.read(File.join(data_dir, "snapshots", "current")))

  def snapshot(number = generation)
    JSON.parse(File.read(File.join(data_dir, "snapshots", number.to_s, "snapshot.json")))
  end

  def cards(number = generation)
    JSON.parse(File.read(File.join(data_dir, "snapshots", number.to_s, "cards.json")))["cards"].to_h do |c|
      [c["key"], c]
    end
  end

  def job(key, action, generation: self.generation)
    id = "job-#{@jobs += 1}"
    fields = {
      "job" => id, "key" => key, "action" => action, "generation" => generation,
      "snapshot_dir" => File.join(data_dir, "snapshots", generation.to_s), "data_dir" => data_dir,
      "result" => File.join(data_dir, "results", "#{id}.json"),
      "started" => File.join(data_dir, "results", "#{id}.started"),
      "changes" => File.join(data_dir, "results", "#{id}.changes"),
      "current" => File.join(data_dir, "snapshots", "current"), "node" => "bender1", "timeout_ms" => 60_000,
      "chain" => [{ "node" => "bender1", "key" => key, "action" => action }], "cause_root" => "root-1",
      "sources" => [{ "node" => "bender0", "key" => "file[/tmp/fubar]" }]
    }
    File.write(File.join(data_dir, "jobs", "#{id}.json"), JSON.generate(fields))
    fields
  end

  def warm? = @warm

  # Starts a worker and leaves it waiting for its "go".
  def start(job, **options) = warm? ? start_warm(job, **options) : start_cold(job, **options)

  # The warm worker of a generation.
  def warm_worker(generation = self.generation, ruby: snapshot(generation)["ruby"])
    known = @processes[generation]
    return known if known&.alive? && known.state != :spoiled

    folder = File.join(data_dir, "snapshots", generation.to_s)
    command = FlockOfChefs::Worker::Launch.warm(folder, data_dir, ruby)
    @processes[generation] = FlockOfChefs::Agent::WarmProcess.new(*command) { nil }
  end

  # Lets it go, so that the next job gets a new one.
  def retire_warm_worker(generation = self.generation) = @processes.delete(generation)&.let_go

  def start_warm(job, **options)
    child = warm_worker(job["generation"], **options).child(job["job"], job_file(job))
    raise "no process for #{job["job"]}\n#{log}" unless child&.introduction(DEADLINE_SECONDS) == :here

    @children[child.pid] = child
    [child.pid, Line.new(child.instance_variable_get(:@line))]
  end

  def job_file(job) = File.join(data_dir, "jobs", "#{job["job"]}.json")

  def start_cold(job, ruby: snapshot(job["generation"])["ruby"])
    reader, writer = IO.pipe
    env, argv, options = FlockOfChefs::Worker::Launch.command(job, ruby)
    pid = Process.spawn(env, *argv, **options, in: reader)
    reader.close
    @pids << pid
    [pid, writer]
  end

  # A whole worker: its result, nil if it wrote none.
  def fire(key, action, **options)
    job = job(key, action, **options)
    pid, stdin = start(job)
    stdin.write("go\n")
    stdin.close
    wait_for_end(pid)
    result(job)
  end

  def result(job)
    JSON.parse(File.read(job["result"])) if File.exist?(job["result"])
  end

  def wait_for_end(pid)
    if (child = @children.delete(pid))
      status = child.wait(DEADLINE_SECONDS) or raise "worker #{pid} does not end\n#{log}"
      return WarmStatus.new(status.exitstatus, status.termsig)
    end
    status = nil
    eventually("worker #{pid} ends") { status = Process.wait2(pid, Process::WNOHANG)&.last }
    @pids.delete(pid)
    status
  end

  def eventually(what)
    deadline = now + DEADLINE_SECONDS
    until (value = yield)
      raise "not within #{DEADLINE_SECONDS} s: #{what}\n#{log}" if now > deadline

      sleep 0.01
    end
    value
  end

  def log
    File.read(FlockOfChefs::Worker::Launch.log_path(data_dir))
  rescue Errno::ENOENT
    ""
  end

  private

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def stop(pid)
    Process.kill(:KILL, pid)
    Process.wait(pid)
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  end
end
