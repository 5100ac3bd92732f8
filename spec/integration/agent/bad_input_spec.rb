# frozen_string_literal: true

require "json"
require_relative "../../support/acceptance"
require_relative "../../support/bad_input"

# Whatever comes: the agent lives, answers within its deadline, takes a bounded amount of memory, says what was wrong,
# and loses nothing.
RSpec.describe "bad input" do
  include Acceptance
  include BadInput

  before(:context) do
    @fleet = Fleet.new
    @hub = @fleet.hub("hub0")
    @member = @fleet.join("node1")
    @member.converge!(appending("mark"))
  end

  after(:context) { @fleet.close }

  # The worst is a few messages of a mebibyte each, and what an allocator keeps of them.
  let(:allowance_mib) { 96 }
  let(:random) { Random.new(RSpec.configuration.seed) }

  # Runs the block and asserts that the hub does not mind; it goes on to send and to receive.
  def expect_to_stand
    pid = @hub.pid
    before = memory_mib(@hub)
    yield
    expect(@hub.flockctl!("status")).to include("hub0")
    expect([@hub.pid, memory_mib(@hub) - before]).to match([pid, be < allowance_mib])
    expect(delivered).to eq("done")
  end

  # @return [String] the state of a notification from the hub to the member
  def delivered
    told = @hub.flockctl("notify", "node1", "execute[mark]", "run", "--wait", "2m", "--format", "json")
    JSON.parse(told.out).first.fetch("state")
  end

  def new_log(node)
    from = node.log.bytesize
    yield
    node.log.byteslice(from..)
  end

  it "on the local socket is refused, each for itself" do
    expect_to_stand { attacks(random, BadInput::LOCAL, "Append").each_value { |bytes| send_badly(unix(@hub), bytes) } }
  end

  it "of strangers on the peer port is refused and logged, within limits" do
    log = new_log(@hub) do
      expect_to_stand do
        attacks(random, "/flock.v1.Enrol/", "Join").each_value do |bytes|
          send_badly(tcp(@hub), bytes)
          send_badly(tls(@hub), bytes)
        end
      end
    end
    expect(log).to match(/connection refused.*not_flock|not_flock.*connection refused/)
    expect(log.lines.length).to be < 200
  end

  it "of a member of the flock is refused, each for itself" do
    expect_to_stand { attacks(random, BadInput::PEER, "Offer").each_value { |bytes| send_badly(tls(@hub, @member), bytes) } }
    expect(JSON.parse(@hub.flockctl!("nodes", "--format", "json")).map { |node| node["presence"] }).to all(eq("alive"))
  end

  it "that is never finished takes little memory" do
    attack = unfinished_calls("/flock.v1.Enrol/Join", 60_000)
    held = []
    expect_to_stand do
      held = Array.new(60) { tls(@hub).tap { |io| offer(io, attack) } }
    end
  ensure
    held&.each { |io| io&.close }
  end

  it "that never comes takes no place for long" do
    held = []
    expect_to_stand do
      # More than there are places, of each kind.
      held = Array.new(300) { |index| unix(@hub).tap { |io| io.write(RawHttp2::PREFACE[0, index % 24]) } }
      # The first bytes of a greeting of TLS that announces more.
      held += Array.new(600) { tcp(@hub).tap { |io| io.write("\x16\x03\x01\x02\x00\x01".b) } }
      held += Array.new(80) { tls(@hub) rescue nil } # rubocop:disable Style/RescueModifier
      expect(held.compact.length).to be >= 900
    end
  ensure
    held&.each { |io| io&.close }
  end

  it "in the spool is kept apart, each with its reason, and what is good goes on" do
    new = @hub.path("data/spool/new")
    big = "{\"id\":\"#{"x" * 200_000}\"}"
    { "noise.json" => random.bytes(1_000), "\xff\xfe.json" => "{}", "big.json" => big, "deep.json" => "[" * 100_000,
      "empty.json" => "", "null.json" => "null", "list.json" => "[1,2]" }.each do |name, bytes|
      File.binwrite(File.join(new, name), bytes)
    end
    Dir.mkdir(File.join(new, "folder.json"))
    File.mkfifo(File.join(new, "pipe.json"))
    File.symlink("/etc/passwd", File.join(new, "link.json"))
    expect_to_stand { Fleet.eventually("all are kept apart") { Dir.empty?(new) } }
    bad = Dir.children(@hub.path("data/spool/bad"))
    reasons, files = bad.partition { |name| name.end_with?(".reason") }
    expect([reasons.length, files.length]).to eq([10, 10])
    expect(JSON.parse(@hub.flockctl("doctor", "--format", "json").out))
      .to include(include("check" => "spool", "level" => "error"))
  end

  it "as a worker's result counts as none: the outcome is unknown" do
    @member.converge!(appending("mark") + <<~RUBY)
      ruby_block 'garbage' do
        action :nothing
        block do
          started = Dir['#{@member.path("data/results")}/*.started'].fetch(0)
          File.binwrite(started.sub(/started\\z/, 'json'), Random.bytes(2_000))
          Process.kill(:KILL, Process.pid)
        end
      end
    RUBY
    log = new_log(@member) do
      told = @hub.flockctl("notify", "node1", "ruby_block[garbage]", "run", "--wait", "2m", "--format", "json")
      expect(JSON.parse(told.out).first).to include("state" => "unknown", "code" => "worker_died")
    end
    expect(log).to include("a worker's result is not used")
    expect(delivered).to eq("done")
  end

  it "as what a Chef run left is named by doctor; the next run mends it" do
    generation = File.read(@member.path("data/snapshots/current")).strip
    damage = { "run.json" => "{", "snapshots/current" => "many", "snapshots/#{generation}/cards.json" => "[" * 1_000,
               "snapshots/#{generation}/snapshot.json" => random.bytes(5_000) }
    damage.each do |file, bytes|
      path = @member.path("data", file)
      good = File.binread(path)
      File.binwrite(path, bytes)
      finding("error", /#{file} /)
      File.delete(path)
      File.mkfifo(path)
      finding("error", /#{file} cannot be read: it is not a plain file/)
      File.delete(path)
      File.binwrite(path, good)
      finding("ok", /generation/)
    end
    File.binwrite(@member.path("data/snapshots/current"), "many")
    @member.converge!(appending("mark"))
    finding("ok", /generation/)
    expect(delivered).to eq("done")
  end

  def finding(level, message)
    Fleet.eventually("doctor says #{level} #{message}") do
      found = JSON.parse(@member.flockctl("doctor", "--format", "json").out).find { |row| row["check"] == "snapshot" }
      found["level"] == level && found["message"].match?(message)
    end
  end
end
