# frozen_string_literal: true

require "flock_of_chefs"
require "json"
require "tmpdir"

RSpec.describe FlockOfChefs::LocalClient do
  around do |example|
    Dir.mktmpdir do |dir|
      @dir = dir
      example.run
    end
  end

  let(:client) do
    described_class.new(FlockOfChefs::Native::Client.new(JSON.generate(socket: "#{@dir}/sock", data_dir: @dir)))
  end
  let(:draft) do
    { id: FlockOfChefs::Native.new_id, key: "service[x]", action: "restart", timing: "immediately",
      targets: { nodes: ["web1"] } }
  end

  def spooled = Dir["#{@dir}/spool/new/*.json"]

  it "keeps a notification in the spool where no agent answers, unless it is not to" do
    expect { client.append(draft, spool: false) }
      .to raise_error(an_instance_of(FlockOfChefs::ConnectionError).and(have_attributes(code: "no_agent")))
    expect(spooled).to eq([])
    expect([client.append(draft)["where"], spooled.size]).to eq(["spool", 1])
  end
end
