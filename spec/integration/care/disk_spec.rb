# frozen_string_literal: true

require "json"
require "open3"
require_relative "../../support/fleet/context"

RSpec.describe "a disk that fills up" do
  include_context "with a fleet"

  # Of the small disk; an eighth of it is the reserve, half of that the spool's.
  let(:mib) { 1024 * 1024 }
  let(:disk) { "size=64m,mode=0700" }

  before do
    skip "needs root to mount a small tmpfs" unless Process.uid.zero?
    @node = fleet.add("hub0", hub: true)
    FileUtils.mkdir_p(@node.path("data"))
    _, why, status = Open3.capture3("mount", "-t", "tmpfs", "-o", disk, "tmpfs",
                                    @node.path("data"))
    skip "cannot mount a tmpfs here: #{why}" unless status.success?
    @mounted = true
  end

  after do
    @node&.close
    system("umount", "-l", @node.path("data")) if @mounted
  end

  def free = Integer(`stat -f -c %a #{@node.path("data")}`) * 4096

  # Fills the disk until that much is left.
  def leave(bytes)
    surplus = free - bytes
    File.open(ballast, "ab") { |file| file.write("\0" * surplus) } if surplus.positive?
  rescue Errno::ENOSPC
    nil
  end

  def ballast = @node.path("data/ballast")
  def finding = JSON.parse(@node.flockctl("doctor", "--format", "json").out).find { |one| one["check"] == "disk" }
  def notify(action) = @node.flockctl("notify", "away", "execute[x]", action)
  def spooled = Dir[@node.path("data/spool/new/*.json")].size

  it "costs nothing that was promised: the spool takes over, then recipes fail, and all goes on when there is space" do
    @node.flockctl!("init")
    @node.start
    expect(finding["level"]).to eq("ok")
    expect(notify("first")).to be_success

    leave(6 * mib)
    expect(finding).to include("level" => "error", "message" => /nothing new is taken in/)
    expect(@node.flockctl!("status")).to include("nearly full")
    expect(notify("second")).to have_attributes(exit_code: 0)
    expect(spooled).to eq(1)
    expect(@node.converge!(sending("away", key: "execute[x]", action: ":third")).text).not_to include("FATAL")
    expect(spooled).to eq(2)

    leave(2 * mib)
    expect(notify("fourth")).to have_attributes(exit_code: 2, err: /could be kept nowhere.*nearly full/)
    failed = @node.converge(sending("away", key: "execute[x]", action: ":fifth", content: "v2"))
    expect(failed).to have_attributes(exit_code: 1, text: /kept nowhere.*nearly full/m)
    leave(0)
    expect(finding["level"]).to eq("error")
    expect(@node.notifications.map { |row| row["action"] }).to eq(%w[first])

    File.delete(ballast)
    eventually("the spool is taken in") { spooled.zero? }
    expect(@node.notifications.map { |row| row["action"] }).to contain_exactly("first", "second", "third")
    expect(notify("sixth")).to be_success
    @node.kill9.start
    expect(@node.notifications.map { |row| row["action"] }).to contain_exactly("first", "second", "third", "sixth")
    expect(finding["level"]).to eq("ok")
  end
end
