# frozen_string_literal: true

require_relative "../support/fleet/callers"

RSpec.describe "calls and waits between nodes that cannot be dialled", :acceptance do
  include_context "with callers"

  before(:context) do
    @hub = @fleet.hub("hub")
    @callee, @caller, @other = join_all(%w[callee caller other].to_h { |name| [name, { listen: false }] })
    [@callee, @caller].each { |node| offer(node) }
    @console = Fleet::Console.new(@caller)
    eventually("the hub relays") { @console.raised("#{probe(@callee)}.echo(1)") == ["nothing", 1] }
  end

  after(:context) { @console.close }

  # @return [Object]
  def ask(code) = @console.ask(code)
  def raised(code) = @console.raised(code)

  it "bring answers of nearly 1 MiB, and refuse what is larger instead of ending the line" do
    expect(ask("#{probe(@callee)}.big(900 * 1024) == 'x' * 900 * 1024")).to be(true)
    expect(ask("#{probe(@callee)}.echo('x' * 900 * 1024) == 'x' * 900 * 1024")).to be(true)
    expect(ask("#{probe(@callee)}.big(1024 * 1024 - 2).size")).to eq((1024 * 1024) - 2)
    expect(ask("#{probe(@callee)}.echo('x' * (1024 * 1024 - 4)).size")).to eq((1024 * 1024) - 4)
    expect(raised("#{probe(@callee)}.big(1024 * 1024)")).to eq(%w[ProtocolError too_large])
    expect(raised("#{probe(@callee)}.echo('x' * 1024 * 1024)")).to eq(%w[ProtocolError too_large])
    expect(ask("#{probe(@callee)}.echo(1)")).to eq(1)
  end

  it "bring what the method raised as data, of a class that is not there" do
    told = ask(<<~RUBY)
      begin
        #{probe(@callee)}.fail_with('of its own')
      rescue FlockOfChefs::RemoteError => e
        [e.remote_class, e.message, e.remote_backtrace.any?]
      end
    RUBY
    expect(told).to match(["ArgumentError", a_string_including("of its own"), true])
  end

  it "name the caller as the hub has verified it, not the hub" do
    expect(ask("#{probe(@callee)}.caller_node")).to eq("caller")
  end

  it "are judged by the callee's policy under that name" do
    @callee.stop
    @callee.edit("agent.toml") { |text| "#{text}\n[[allow]]\nfrom = \"other\"\ncall = [\"probe.echo\"]\n" }
    @callee.start
    other = console(@other)
    eventually("it is admitted") { other.raised("#{probe(@callee)}.echo(1)") == ["nothing", 1] }
    expect(other.raised("#{probe(@callee)}.pid")).to eq(%w[DeniedError policy])
    expect(raised("#{probe(@callee)}.echo(1)")).to eq(%w[DeniedError policy])
    denied = @caller.flockctl("call", "callee", "probe", "echo", "1")
    expect([denied.exit_code, denied.err]).to match([7, /caller may not call probe\.echo/])
  ensure
    @callee.stop
    @callee.edit("agent.toml") { |text| text[/.*(?=\n\[\[allow\]\])/m] }
    @callee.start
    eventually("it serves again") { raised("#{probe(@callee)}.echo(1)") == ["nothing", 1] }
  end

  it "wake those who wait" do
    file = mark
    looks = mark
    waiting = @console.begin("wait_until { #{probe(@callee)}.read('#{file}').tap { File.write('#{looks}', '') } }")
    eventually("it waits") { File.exist?(looks) }
    expect(waiting).not_to be_over
    console(@callee).ask("#{probe(@callee)}.write('#{file}', 'written')")
    expect(waiting.value).to be(true)
  end

  it "wake those who wait for a Chef run there" do
    waiting = @console.begin("wait_until { FlockOfChefs['callee'][:flock_api].state == :succeeded }")
    expect(waiting).not_to be_over
    @callee.converge!("")
    expect(waiting.value).to be(true)
  end
end
