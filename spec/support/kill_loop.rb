# frozen_string_literal: true

require "flock_of_chefs"
require_relative "processes"

# Sends a stream of notifications from one real agent to another, kills processes with SIGKILL meanwhile, and holds what
# the agents say against the oracle: a file to which each action appends its own number with O_APPEND and fsync.
class KillLoop
  RESOURCES = 2_500
  # More than a warm worker gets through between two strikes.
  BACKLOG = 40
  FINAL = %w[done failed unknown superseded expired denied undeliverable].freeze

  attr_reader :sent, :busy_kills

  def initialize(fleet, seed:)
    @fleet = fleet
    @random = Random.new(seed)
    @sent = {}
    @victims = Hash.new(0)
    @busy_kills = 0
    @hub = fleet.hub("hub")
    @sender = fleet.join("sender")
    @target = fleet.join("target")
    @target.converge!(recipe)
    @client = FlockOfChefs::Native::Client.new(JSON.generate("socket" => @sender.path("agent.sock"),
                                                             "data_dir" => @sender.path("data")))
  end

  def run(kills)
    victims = Array.new(kills) { |index| %i[worker target sender hub][index % 4] }.shuffle(random: @random)
    victims.each { |victim| strike(victim) }
  end

  # Waits until each notification that was sent has ended.
  def drain
    @hub.flockctl!("status")
    Fleet.eventually("all end", timeout: 600) { unfinished.empty? }
    @records = records
  end

  def lost = sent.keys - @records.keys
  def counts = @records.values.map { |record| record["state"] }.tally

  # Numbers that ran more than once although no attempt between had ended as unknown.
  def repeated
    sent.filter_map { |id, number| number if runs[number] > @records.fetch(id)["attempt"].clamp(1..) }
  end

  def done_but_not_run
    @records.filter_map { |id, record| sent[id] if record["state"] == "done" && runs[sent[id]].zero? }
  end

  def summary
    "#{sent.length} sent, #{counts}, killed #{@victims}, #{busy_kills} of them with at least 10 unfinished"
  end

  private

  def runs = @runs ||= File.readlines(oracle, chomp: true).map(&:to_i).tally.tap { |tally| tally.default = 0 }
  def oracle = File.join(@fleet.dir, "oracle")

  def strike(victim)
    top_up
    sleep(@random.rand(0.2..1.5)) # where in its work the victim is hit is left to chance
    @busy_kills += 1 if unfinished.length >= 10
    victim == :worker ? kill_worker : restart({ target: @target, sender: @sender, hub: @hub }.fetch(victim))
    @victims[victim] += 1
  end

  def restart(node)
    node.kill9
    top_up
    node.start
  end

  # One that runs an action, or the warm one that forks those.
  def kill_worker
    warm = Processes.warm_worker_of(@target) if @random.rand(3).zero?
    warm ? Process.kill("KILL", warm) : kill_working
  rescue Errno::ESRCH
    kill_working
  end

  # Every other time in the middle of the action, which lasts a while for every third resource.
  def kill_working
    in_action = @random.rand(2).zero?
    pid = Fleet.eventually("a worker runs", timeout: 120) do
      top_up
      Processes.worker_of(@target) if !in_action || Dir[@target.path("data/results/*.started")].any?
    end
    Process.kill("KILL", pid)
  rescue Errno::ESRCH
    retry # it ended just before
  end

  def top_up
    missing = BACKLOG - unfinished.length
    missing.times { send_one } if missing.positive?
  end

  def send_one
    number = sent.length
    raise "more notifications than resources" if number >= RESOURCES

    id = FlockOfChefs::Native.new_id
    @client.append(JSON.generate(id: id, key: "ruby_block[mark #{number}]", action: "run", timing: "immediately",
                                 targets: { nodes: ["target"] }, retry: number % 2), 150)
    sent[id] = number
  end

  def unfinished
    ended = records.select { |_, record| FINAL.include?(record["state"]) }
    sent.keys - ended.keys
  end

  def records
    list = JSON.parse(@client.call("list", JSON.generate("direction" => "out", "limit" => 10_000), 5_000))
    list.fetch("records").to_h { |record| [record["id"], record] }
  rescue FlockOfChefs::Error
    {} # the sender is down: nothing is known to have ended
  end

  def recipe
    <<~RUBY
      #{RESOURCES}.times do |number|
        ruby_block "mark \#{number}" do
          action :nothing
          block do
            File.open('#{oracle}', File::WRONLY | File::APPEND | File::CREAT) do |file|
              file.write("\#{number}\\n")
              file.fsync
            end
            sleep(0.3) if (number % 3).zero?
          end
        end
      end
    RUBY
  end
end
