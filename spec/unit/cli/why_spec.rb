# frozen_string_literal: true

require "flock_of_chefs/cli"
require "support/fake_local_client"

RSpec.describe FlockOfChefs::CLI::Verbs::Why do
  now = 1_800_000_000_000
  day = 86_400_000
  known = { "node" => "web1", "asked" => "hub", "now_ms" => now, "hub_problem" => "", "waiting" => 0, "denied" => false,
            "info" => { "presence" => "alive", "address" => "10.0.0.5:22222", "version" => "1.0.0" },
            "here" => { "met_ms" => now - 5_000, "failed_ms" => 0, "certificate_expires_ms" => now + (20 * day) },
            "hub" => { "hub" => "hub", "now_ms" => now, "connected" => true, "served" => true, "since_ms" => now - day,
                       "heard_ms" => now - 3_000, "clock_offset_ms" => 12, "lease_ms" => 30_000, "removed_ms" => 0,
                       "encounter" => { "met_ms" => now - day, "certificate_expires_ms" => now + (20 * day) } } }

  # An agent that reports this, and a node that answers or does not.
  def ask(report, answer = "true")
    client = FakeLocalClient.new("why" => report)
    client.define_singleton_method(:invoke) do |*|
      raise answer if answer.is_a?(Exception)

      { "result" => answer, "topic" => "", "version" => "", "polled" => false }
    end
    result = described_class.new.call(client, node: "web1")
    @findings = result.data["findings"].to_h { |found| [found["check"], found] }
    result
  end

  def levels = @findings.transform_values { |found| found["level"] }.reject { |_, level| level == "ok" }

  away = FlockOfChefs::ConnectionError.new("web1 at 10.0.0.5:22222 does not answer", code: "unreachable")
  refused = FlockOfChefs::DeniedError.new("policy says no", code: "policy")

  it "finds nothing where nothing is wrong" do
    result = ask(known)
    expect([result.code, levels]).to eq([0, {}])
    expect(result.text).to include("heard 3.0 s ago", "12 ms from the hub's", "alive, at 10.0.0.5:22222")
  end

  it "takes a refusal of its question for a sign of life" do
    expect([ask(known, refused).code, @findings["answer"]["level"]]).to eq([0, "ok"])
  end

  # What is different => the checks that it shows in, with words of message and remedy, and the exit code.
  hub = ->(**more) { { "hub" => known["hub"].merge(more.transform_keys(&:to_s)) } }
  {
    "does not answer" => [{}, away, { "answer" => %w[error firewall] }, 4],
    "was removed" => [{ "info" => { "presence" => "unknown" }, **hub.call(removed_ms: now, removed_by: "boss") }, away,
                      { "denial" => ["error", "removed from the flock by boss", "--replace"] }, 7],
    "never was" => [{ "info" => { "presence" => "unknown" } }, away, { "name" => %w[error join] }, 3],
    "is silent" => [hub.call(heard_ms: now - 45_000), "true", { "heartbeat" => ["warning", "45.0 s ago"] }, 0],
    "broke its connection" => [hub.call(connected: false), "true", { "heartbeat" => ["warning", "connection broke"] },
                               0],
    "was stopped" => [hub.call(connected: false, heard_ms: 0,
                               encounter: { "heard_ms" => now - day, "ended" => "its agent was stopped" }),
                      away, { "heartbeat" => ["warning", "its agent was stopped"], "answer" => ["error"] }, 4],
    "has a wrong clock" => [hub.call(clock_offset_ms: -7_200_000), "true",
                            { "clock" => ["error", "2 h 0 min behind", "chrony"] }, 2],
    "did not renew" => [hub.call(encounter: { "certificate_expires_ms" => now + day }).merge("here" => nil), "true",
                        { "certificate" => ["warning", "should have been renewed", "doctor"] }, 0],
    "has an old certificate" => [hub.call(encounter: { "certificate_expires_ms" => now - day }).merge("here" => nil),
                                 away, { "certificate" => %w[error ended clock], "answer" => %w[error] }, 4],
    "was refused by the hub" => [hub.call(encounter: { "failed_ms" => now, "code" => "newer_session",
                                                       "message" => "two" }),
                                 "true", { "refusal" => ["error", "the hub: two", "stop one"] }, 2],
    "had another machine" => [hub.call(encounter: { "failed_ms" => now, "code" => "removed", "message" => "gone" }),
                              "true", { "refusal" => ["warning", "another machine", "leave"] }, 0],
    "answered as another" => [{ "here" => { "met_ms" => 1, "failed_ms" => 2, "code" => "wrong_name",
                                            "message" => "m" } },
                              "true", { "handshake" => %w[error wrong_name advertise] }, 2],
    "has something waiting" => [{ "waiting" => 3, "waiting_code" => "hub_away" }, "true",
                                { "outbox" => ["warning", "3 notifications", "hub_away"] }, 0],
    "cannot be asked about" => [{ "hub" => nil, "hub_problem" => "no session", "stale" => true }, "true",
                                { "hub" => ["error", "no session", "flockctl doctor"] }, 2]
  }.each do |what, (report, answer, found, code)|
    it "tells of a node that #{what}, and what to do" do
      result = ask(known.merge(report), answer)
      found.each do |check, (level, *words)|
        expect(@findings.fetch(check)["level"]).to eq(level)
        words.each { |word| expect(@findings[check].values.join(" ")).to include(word) }
      end
      expect([result.code, levels.keys - found.keys]).to eq([code, []])
    end
  end
end
