# frozen_string_literal: true

require_relative "../support/fleet/callers"

RSpec.describe "a signal ends a wait", :acceptance do
  include_context "with callers"

  before(:context) do
    @hub = @fleet.hub("hub")
    @node = @fleet.join("node")
  end

  # The wait's own time; what ends within a fraction of it was ended by the signal.
  wait_s = 3_000
  # A generous bound.
  prompt_s = 30

  # A run of the node that waits for one of the hub.
  def waiting_run(wait_s, looks = mark)
    run = @node.converge_in_background(<<~RUBY)
      file '#{fleet.dir}/never' do
        wait_until(timeout: #{wait_s}) do
          begin
            FlockOfChefs['hub'][:flock_api].node('mark.now')
          ensure
            File.write('#{looks}', '')
          end
        end
      end
    RUBY
    eventually("Chef waits") do
      raise File.read(@node.path("background.log")) unless run.alive?

      File.exist?(looks)
    end
    run
  end

  { "TERM" => 3, "INT" => 2 }.each do |signal, code|
    it "of a real chef-client at #{signal}, and the agent holds it against nobody" do
      run = waiting_run(wait_s)
      Process.kill(signal, run.pid)
      expect(run.join(prompt_s)).not_to be_nil, "chef-client goes on"
      expect([run.value.exitstatus, File.exist?("#{fleet.dir}/never")]).to eq([code, false])

      # Were the wait still there, this one would close a circle with it.
      other = @hub.converge(<<~RUBY)
        ruby_block('waits') do
          block {}
          wait_until(timeout: 4, on_timeout: :skip) { FlockOfChefs['node'][:flock_api].node('mark.now') }
        end
      RUBY
      expect(other).to be_success, other.text
    end
  end

  { "TERM" => 143, "INT" => 130 }.each do |signal, code|
    it "of flockctl wait at #{signal}, with exit code #{code}" do
      out, said = IO.pipe
      pid = Process.spawn(@node.environment, "bundle", "exec", "ruby", "exe/flockctl", "wait", "nobody", "--for",
                          "succeeded", "--timeout", "50m", "--config", @node.path("agent.toml"),
                          out: said, err: said, chdir: Fleet::ROOT)
      said.close
      run = Process.detach(pid)
      eventually("it asks its agent") do
        Dir["/proc/#{pid}/task/*/comm"].any? { |file| File.read(file).include?("flock-native") }
      end
      Process.kill(signal, pid)
      expect(run.join(prompt_s)).not_to be_nil, "flockctl goes on"
      status = run.value
      expect(status.exitstatus || (128 + status.termsig)).to eq(code)
      expect(out.read).not_to include("fault of ours")
    end
  end
end
