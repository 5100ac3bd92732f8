# frozen_string_literal: true

require "flock_of_chefs"
require_relative "kill_loop/marks"
require_relative "processes"

# Sends a stream of notifications from one real agent to another, which only dials out and so is reached through the
# hub; lets Chef runs of the sender change what the other subscribes to; kills processes with SIGKILL meanwhile; and
# holds what the agents say against {Marks}.
class KillLoop
  # More than a warm worker gets through between two strikes.
  BACKLOG = 40
  FINAL = %w[done failed unknown superseded expired denied undeliverable].freeze
  VICTIMS = %i[worker target sender hub warm].freeze
  # Kills from one Chef run of the sender to the next.
  CONVERGE_EVERY = 4

  attr_reader :busy_kills

  # @param kills [Integer]
  def initialize(fleet, kills:, seed:)
    @random = Random.new(seed)
    @kills = kills
    @sent = {}
    @runs = []
    @victims = Hash.new(0)
    @busy_kills = 0
    @resources = 500 + (kills * 50)
    @marks = Marks.new(fleet.dir, @resources)
    @hub = fleet.hub("hub")
    @sender = fleet.join("sender")
    @target = fleet.join("target", listen: false)
    subscribe
  end

  def run
    victims = Array.new(@kills) { |index| VICTIMS[index % VICTIMS.length] }.shuffle(random: @random)
    victims.each_with_index do |victim, index|
      change if (index % CONVERGE_EVERY).zero?
      strike(victim)
    end
  end

  # Waits until each notification that was sent, and each that a change caused, has ended.
  def drain
    @runs.each(&:join)
    Fleet.eventually("all end", timeout: 900) do
      @records = records
      unknown.empty? && @records.each_value.all? { |record| FINAL.include?(record["state"]) }
    end
  end

  # Notifications that were acknowledged, and changes, of which no agent knows.
  def lost = unknown

  # Marks that were made more than once although no attempt between had ended as unknown.
  def repeated
    known.filter_map { |record| record["key"] if @marks.count(record["key"]) > record["attempt"].clamp(1..) }
  end

  def done_but_not_run
    known.filter_map { |record| record["key"] if record["state"] == "done" && @marks.count(record["key"]).zero? }
  end

  # Chef runs of the sender that failed: nothing that is killed here may fail one.
  def failed_runs = @runs.count { |run| !run.value.success? }

  # Stops all agents and looks at their databases.
  #
  # @return [Array<String>] what is wrong with them
  def damage
    [@hub, @sender, @target].each(&:stop)
    [@hub, @sender, @target].filter_map do |node|
      doctor = node.start.flockctl("status")
      "#{node.name}: #{doctor.text}" unless doctor.success?
    end
  end

  def counts = known.map { |record| record["state"] }.tally

  def summary
    "#{@sent.length} sent and #{@runs.length} changes subscribed to: #{counts}; killed #{@victims}, " \
      "#{busy_kills} of them with at least 10 unfinished"
  end

  private

  def known = @records.values

  def unknown
    changed = Array.new(@runs.length) { |number| "ruby_block[mark s#{number}]" }
    (@sent.keys - @records.keys) + (changed - known.map { |record| record["key"] })
  end

  def subscribe
    @target.converge!(@marks.recipe)
    Fleet.eventually("the sender knows of the subscriptions") do
      listed = @sender.flockctl!("subscriptions", "list", "--limit", "1000", "--format", "names")
      listed.lines.length == Marks::SUBSCRIBED
    end
  end

  # In the background, so that agents die while it goes on.
  def change
    @runs.last&.join
    @runs << @sender.converge_in_background(@marks.change(@runs.length))
  end

  def strike(victim)
    top_up
    sleep(@random.rand(0.1..1.0)) # where in its work the victim is hit is left to chance
    @busy_kills += 1 if unfinished.length >= 10
    kill(victim)
    @victims[victim] += 1
  end

  def kill(victim)
    case victim
    when :worker then kill_worker
    when :warm then kill_warm_worker
    else restart({ target: @target, sender: @sender, hub: @hub }.fetch(victim))
    end
  end

  def restart(node)
    node.kill9
    top_up
    node.start
  end

  # Every other time in the middle of the action.
  def kill_worker
    in_action = @random.rand(2).zero?
    pid = Fleet.eventually("a worker runs", timeout: 120) do
      top_up
      Processes.worker_of(@target) if !in_action || Dir[@target.path("data/results/*.started")].any?
    end
    Process.kill("KILL", pid)
  rescue Errno::ESRCH
    retry # it ended just before
  end

  # It may be away: it is started again after a pause that grows.
  def kill_warm_worker
    pid = Processes.warm_worker_of(@target) and Process.kill("KILL", pid)
  rescue Errno::ESRCH
    nil
  end

  def top_up
    missing = BACKLOG - unfinished.length
    missing.times { send_one } if missing.positive?
  end

  def send_one
    number = @sent.length
    raise "more notifications than resources" if number >= @resources

    id = FlockOfChefs::Native.new_id
    client.append(JSON.generate(id: id, key: "ruby_block[mark #{number}]", action: "run", timing: "immediately",
                                targets: { nodes: ["target"] }, retry: number % 2), 150)
    @sent[id] = number
  end

  def unfinished
    ended = records.select { |_, record| FINAL.include?(record["state"]) }
    @sent.keys - ended.keys
  end

  def records
    list = JSON.parse(client.call("list", JSON.generate("direction" => "out", "limit" => 10_000), 5_000))
    list.fetch("records").to_h { |record| [record["id"], record] }
  rescue FlockOfChefs::Error
    {} # the sender is down: nothing is known to have ended
  end

  def client
    @client ||= FlockOfChefs::Native::Client.new(JSON.generate("socket" => @sender.path("agent.sock"),
                                                               "data_dir" => @sender.path("data")))
  end
end
