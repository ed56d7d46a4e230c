# The one way in: HTTPS to API and console.

resource "aws_security_group" "balancer" {
  name_prefix = "tidegate-${var.name}-alb-"
  description = "HTTPS to the API from the networks that are named"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = toset(var.api.allowed_cidrs)
  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS from ${each.key}"
  cidr_ipv4         = each.key
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "To the API's tasks"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 8400
  to_port                      = 8400
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = var.tasks_security_group_id
  description                  = "From the load balancer to the API"
  referenced_security_group_id = aws_security_group.balancer.id
  from_port                    = 8400
  to_port                      = 8400
  ip_protocol                  = "tcp"
}

resource "aws_lb" "this" {
  name                       = "tidegate-${var.name}"
  internal                   = var.api.internal
  load_balancer_type         = "application"
  subnets                    = var.api.internal ? var.private_subnet_ids : var.public_subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  idle_timeout               = 90

  dynamic "access_logs" {
    for_each = var.api.access_log_bucket == null ? [] : [1]
    content {
      bucket  = var.api.access_log_bucket
      prefix  = "tidegate-${var.name}"
      enabled = true
    }
  }
}

# /healthz, not /readyz: a dependency that is down is no reason to take every API task away.
resource "aws_lb_target_group" "api" {
  name                 = "tidegate-${var.name}-api"
  vpc_id               = var.vpc_id
  port                 = 8400
  protocol             = "HTTP"
  target_type          = "ip"
  deregistration_delay = 30

  health_check {
    path                = "/healthz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04"
  certificate_arn   = var.api.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}
