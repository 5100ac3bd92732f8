# frozen_string_literal: true

require_relative "../support/fleet/callers"

RSpec.describe "calls while something dies by kill -9", :acceptance do
  include_context "with callers"

  before(:context) do
    @hub = @fleet.hub("hub")
    @callee, @caller, *@behind = join_all("callee" => {}, "caller" => {}, "behind1" => { listen: false },
                                          "behind2" => { listen: false })
    [@callee, @behind.first].each { |node| offer(node) }
  end

  # Far beyond what any error may take: an example that meets it has found a call that hangs.
  deadline_s = 300

  define_method(:slow) { |node, api = "probe"| "FlockOfChefs['#{node.name}'].with_timeout(#{deadline_s})['#{api}']" }

  def kill(pid) = Process.kill("KILL", pid)

  # A console, once the API that the example calls is there: an earlier one may have killed it.
  def caller_of(node, at: @caller) = console(at).tap { |from| served(from, node) }

  # How a call under way ends, well before its own deadline.
  define_method(:broken_off) { |work| work.value(timeout: deadline_s / 5) }

  def served(console, node)
    eventually("#{node.name} serves") { console.raised("#{probe(node)}.echo(1)") == ["nothing", 1] }
  end

  describe "the callee's API host" do
    it "ends what it worked on and what waited with a typed error, and is there again for the next call" do
      from = caller_of(@callee)
      marks = [mark, mark]
      calls = marks.map { |one| from.begin("raised { #{slow(@callee, "narrow")}.hold('#{one}') }").tap { sleep 0.1 } }
      begun(marks.first)
      kill(host(@callee)["pid"])
      expect(calls.map { |call| broken_off(call) }).to all(eq(%w[OutcomeUnknownError api_down]))
      expect(File).not_to exist("#{marks.last}.begun")
      served(from, @callee)
    end

    it "is missed by calls that come before there is one again: they say that nothing was done" do
      from = caller_of(@callee)
      down = eventually("a call meets no host") do
        answer = from.raised("#{probe(@callee)}.echo(1)")
        kill(host(@callee)["pid"]) if answer.first == "nothing" # it was there again already
        answer unless %w[nothing OutcomeUnknownError].include?(answer.first)
      end
      expect(down).to eq(%w[ConnectionError api_down])
      served(from, @callee)
    end

    it "raises from a future, and lets the others be had" do
      from = caller_of(@callee)
      held = mark
      work = from.begin(<<~RUBY)
        futures = [#{slow(@callee)}.future.hold('#{held}'), #{slow(@behind.first)}.future.echo(2)]
        [raised { futures.first.value }, raised { FlockOfChefs::Remote::Future.all(futures) }, futures.last.value]
      RUBY
      begun(held)
      kill(host(@callee)["pid"])
      lost = %w[OutcomeUnknownError api_down]
      expect(broken_off(work)).to eq([lost, lost, 2])
    end
  end

  describe "the callee's agent" do
    it "leaves no call waiting for the rest of its time, and serves the next one when it is back" do
      from = caller_of(@callee)
      held = mark
      call = from.begin("raised { #{slow(@callee)}.hold('#{held}') }")
      begun(held)
      without(@callee) do
        expect(broken_off(call).first).to eq("OutcomeUnknownError")
        expect(from.raised("#{probe(@callee)}.echo(1)").first).to eq("ConnectionError")
        expect(from.raised("#{probe(@callee)}.async.echo(1)").first).to eq("ConnectionError")
      end
      served(from, @callee)
    end
  end

  describe "the hub" do
    it "is not missed by nodes that have an address, nor by calls that are under way" do
      from = caller_of(@callee)
      held = mark
      expect(from.ask("#{probe(@callee)}.echo(1)")).to eq(1)
      call = from.begin("#{slow(@callee)}.hold('#{held}')")
      begun(held)
      without(@hub) do
        expect(from.ask("#{probe(@callee)}.echo(2)")).to eq(2)
        FileUtils.touch("#{held}.go")
        expect(call.value).to be(true)
      end
    end

    it "ends what it relays with a typed error, and relays again when it is back" do
      from = caller_of(@behind.first, at: @behind.last)
      held = mark
      call = from.begin("raised { #{probe(@behind.first)}.hold('#{held}') }")
      begun(held)
      without(@hub) do
        expect(broken_off(call).first).to eq("OutcomeUnknownError")
        expect(from.raised("#{probe(@behind.first)}.echo(1)").first).to eq("ConnectionError")
      end
      served(from, @behind.first)
    end
  end

  describe "the caller" do
    it "takes back what has not begun, and what has begun hears that nobody waits" do
      from = caller_of(@callee)
      here = console(@callee)
      first = mark
      second = mark
      from.begin("#{slow(@callee, "narrow")}.hold('#{first}')")
      begun(first)
      from.begin("#{slow(@callee, "narrow")}.hold('#{second}')")
      eventually("it waits") { host(@callee)["calls"] == 2 }
      from.close
      expect(ended(first)).to eq("nobody waits")
      expect(here.ask("#{probe(@callee).sub("probe", "narrow")}.echo(1)")).to eq(1)
      expect(File).not_to exist("#{second}.begun")
    end

    it "hears that its agent is gone, and what it called hears that nobody waits" do
      from = caller_of(@callee)
      held = mark
      call = from.begin("raised { #{slow(@callee)}.hold('#{held}') }")
      begun(held)
      without(@caller) do
        expect(broken_off(call).first).to eq("OutcomeUnknownError")
        expect(from.raised("#{probe(@callee)}.echo(1)")).to eq(%w[ConnectionError no_agent])
        expect(ended(held)).to eq("nobody waits")
      end
      served(from, @callee)
    end
  end
end
